//! A stack's parameters, tags and policy: the template configuration file, with the overrides above it.

use std::collections::BTreeMap;

use penstock_model::artifact::Artifact;
use serde_json::Value as Json;

use crate::offered::cloudformation::FileOf;
use crate::offered::cloudformation::overrides::{Attribute, Override, text};

/// What the template configuration file says (`CloudFormation` user guide, "`CloudFormation` artifacts").
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Configuration {
    pub(super) parameters: BTreeMap<String, String>,
    /// `None`: the stack keeps its tags.
    pub(super) tags: Option<BTreeMap<String, String>>,
    /// JSON.
    pub(super) stack_policy: Option<String>,
}

impl Configuration {
    /// Reads `file`, whose content is `content`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(file: &FileOf, content: &str) -> Result<Self, String> {
        let json: Json = serde_json::from_str(content.trim_start_matches('\u{feff}'))
            .map_err(|error| format!("the template configuration `{}` is no JSON: {error}", file.path))?;
        let policy = json.get("StackPolicy").filter(|policy| !policy.is_null());
        Ok(Self {
            parameters: texts(file, &json, "Parameters")?.unwrap_or_default(),
            tags: texts(file, &json, "Tags")?,
            stack_policy: policy.map(Json::to_string),
        })
    }
}

fn texts(file: &FileOf, json: &Json, key: &str) -> Result<Option<BTreeMap<String, String>>, String> {
    let Some(values) = json.get(key).filter(|values| !values.is_null()) else {
        return Ok(None);
    };
    let wrong =
        || format!("`{key}` of the template configuration `{}` must be an object of texts", file.path);
    let entries = values.as_object().ok_or_else(wrong)?.iter();
    entries
        .map(|(name, value)| text(value).map(|value| (name.clone(), value)).ok_or_else(wrong))
        .collect::<Result<BTreeMap<_, _>, _>>()
        .map(Some)
}

/// The JSON files that overrides read values from.
pub(super) fn files(overrides: &BTreeMap<String, Override>) -> impl Iterator<Item = &FileOf> {
    overrides.values().filter_map(|value| match value {
        Override::Param { file, .. } => Some(file),
        Override::Text(_) | Override::Attribute { .. } => None,
    })
}

/// The configuration's parameters with the overrides above them, read from `inputs` and the content of `files`.
///
/// # Errors
/// What an override names that is not there.
pub(super) fn merged(
    configured: BTreeMap<String, String>,
    overrides: &BTreeMap<String, Override>,
    inputs: &[Artifact],
    region: &str,
    files: &BTreeMap<FileOf, String>,
) -> Result<BTreeMap<String, String>, String> {
    let mut parameters = configured;
    for (name, value) in overrides {
        let value = match value {
            Override::Text(text) => text.clone(),
            Override::Attribute { artifact, attribute } => {
                attribute_of(name, artifact, *attribute, inputs, region)?
            }
            Override::Param { file, key } => {
                param(name, file, key, files.get(file).map(String::as_str).unwrap_or_default())?
            }
        };
        parameters.insert(name.clone(), value);
    }
    Ok(parameters)
}

fn attribute_of(
    name: &str,
    artifact: &str,
    attribute: Attribute,
    inputs: &[Artifact],
    region: &str,
) -> Result<String, String> {
    let found = inputs.iter().find(|input| input.name.as_str() == artifact).ok_or_else(|| {
        format!("the parameter `{name}` reads `{artifact}`, which the action does not consume")
    })?;
    Ok(match attribute {
        Attribute::BucketName => found.bucket.clone(),
        Attribute::ObjectKey => found.key.clone(),
        Attribute::Url => format!("https://s3.{region}.amazonaws.com/{}/{}", found.bucket, found.key),
    })
}

fn param(name: &str, file: &FileOf, key: &str, content: &str) -> Result<String, String> {
    let place = format!("`{}::{}`", file.artifact, file.path);
    let json: Json = serde_json::from_str(content.trim_start_matches('\u{feff}'))
        .map_err(|error| format!("the parameter `{name}` reads {place}, which is no JSON: {error}"))?;
    let value = json
        .get(key)
        .ok_or_else(|| format!("the parameter `{name}` reads `{key}` of {place}, which is not there"))?;
    text(value).ok_or_else(|| format!("the parameter `{name}` reads `{key}` of {place}, which is no text"))
}

#[cfg(test)]
mod tests {
    use penstock_testkit::build::name;

    use super::*;

    fn file(path: &str) -> FileOf {
        FileOf { artifact: "App".to_owned(), path: path.to_owned() }
    }

    fn app() -> Artifact {
        Artifact {
            name: name("App"),
            bucket: "artifacts".to_owned(),
            key: "web/1/App.zip".to_owned(),
            version_id: None,
            sha256: String::new(),
            size: 0,
        }
    }

    fn merge(overrides: &str, files: &[(&str, &str)]) -> Result<BTreeMap<String, String>, String> {
        let configured =
            BTreeMap::from([("Stage".to_owned(), "test".to_owned()), ("Count".to_owned(), "1".to_owned())]);
        let files = files.iter().map(|(path, content)| (file(path), (*content).to_owned())).collect();
        merged(configured, &Override::parse(overrides).unwrap(), &[app()], "eu-west-1", &files)
    }

    #[test]
    fn overrides_win() {
        let overrides = r#"{"Stage":"prod","Bucket":{"Fn::GetArtifactAtt":["App","BucketName"]},
            "Url":{"Fn::GetArtifactAtt":["App","URL"]},"Image":{"Fn::GetParam":["App","out.json","Uri"]}}"#;
        let merged = merge(overrides, &[("out.json", r#"{"Uri":"repo@sha256:1"}"#)]).unwrap();
        let pairs: Vec<_> = merged.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            pairs,
            [
                ("Bucket", "artifacts"),
                ("Count", "1"),
                ("Image", "repo@sha256:1"),
                ("Stage", "prod"),
                ("Url", "https://s3.eu-west-1.amazonaws.com/artifacts/web/1/App.zip"),
            ]
        );
    }

    #[test]
    fn what_is_not_there_is_named() {
        let read = r#"{"Image":{"Fn::GetParam":["App","out.json","Uri"]}}"#;
        for (content, said) in [("{}", "`Uri`"), ("x", "no JSON"), (r#"{"Uri":{}}"#, "no text")] {
            let refusal = merge(read, &[("out.json", content)]).unwrap_err();
            assert!(refusal.contains(said) && refusal.contains("App::out.json"), "{refusal}");
        }
        let refusal = merge(r#"{"B":{"Fn::GetArtifactAtt":["Other","BucketName"]}}"#, &[]).unwrap_err();
        assert!(refusal.contains("`Other`"), "{refusal}");
    }

    #[test]
    fn a_configuration_has_three_parts() {
        let content = "\u{feff}{\"Parameters\":{\"Count\":2},\"Tags\":{\"team\":\"web\"},\"StackPolicy\":{\"Statement\":[]}}";
        let read = Configuration::read(&file("c.json"), content).unwrap();
        assert_eq!(read.parameters["Count"], "2");
        assert_eq!(read.tags.unwrap()["team"], "web");
        assert_eq!(read.stack_policy.unwrap(), r#"{"Statement":[]}"#);
        assert_eq!(Configuration::read(&file("c.json"), "{}").unwrap(), Configuration::default());
        assert!(Configuration::read(&file("c.json"), r#"{"Tags":[]}"#).is_err());
    }
}
