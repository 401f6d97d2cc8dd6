//! `ParameterOverrides`: values, and the functions that read from input artifacts (`CloudFormation` user guide,
//! "Using parameter override functions with `CodePipeline` pipelines").

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::FileOf;

/// The value of one parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Override {
    /// As written.
    Text(String),
    /// `{"Fn::GetArtifactAtt": [artifact, attribute]}`.
    Attribute {
        /// The input artifact.
        artifact: String,
        /// What of it.
        attribute: Attribute,
    },
    /// `{"Fn::GetParam": [artifact, file, key]}`.
    Param {
        /// The JSON file.
        file: FileOf,
        /// The key at its top.
        key: String,
    },
}

/// What of an artifact is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// The bucket in which it lies.
    BucketName,
    /// Its key there.
    ObjectKey,
    /// Where it is fetched.
    Url,
}

impl Override {
    /// Reads the configuration's JSON object.
    pub fn parse(text: &str) -> Result<BTreeMap<String, Self>, String> {
        let json: Json = serde_json::from_str(text)
            .map_err(|error| format!("`ParameterOverrides` is no JSON: {error}"))?;
        let Json::Object(entries) = json else {
            return Err("`ParameterOverrides` must be a JSON object of parameters and values".to_owned());
        };
        entries.into_iter().map(|(name, value)| Ok((name.clone(), Self::read(&name, &value)?))).collect()
    }

    fn read(name: &str, value: &Json) -> Result<Self, String> {
        let Json::Object(function) = value else {
            return text(value).map(Self::Text).ok_or_else(|| wrong(name));
        };
        let mut entries = function.iter();
        let (Some((function, arguments)), None) = (entries.next(), entries.next()) else {
            return Err(wrong(name));
        };
        let arguments: Vec<&str> = arguments
            .as_array()
            .map(|list| list.iter().filter_map(Json::as_str).collect())
            .unwrap_or_default();
        match (function.as_str(), arguments.as_slice()) {
            ("Fn::GetArtifactAtt", [artifact, attribute]) => {
                let attribute = Attribute::read(attribute).ok_or_else(|| wrong(name))?;
                Ok(Self::Attribute { artifact: (*artifact).to_owned(), attribute })
            }
            ("Fn::GetParam", [artifact, path, key]) => {
                let file = FileOf { artifact: (*artifact).to_owned(), path: (*path).to_owned() };
                Ok(Self::Param { file, key: (*key).to_owned() })
            }
            _ => Err(wrong(name)),
        }
    }

    /// The input artifact that it reads.
    pub fn artifact(&self) -> Option<&str> {
        match self {
            Self::Text(_) => None,
            Self::Attribute { artifact, .. } => Some(artifact),
            Self::Param { file, .. } => Some(&file.artifact),
        }
    }
}

impl Attribute {
    fn read(name: &str) -> Option<Self> {
        match name {
            "BucketName" => Some(Self::BucketName),
            "ObjectKey" => Some(Self::ObjectKey),
            "URL" => Some(Self::Url),
            _ => None,
        }
    }
}

/// A parameter's value as text: lists are joined by commas, as the API takes them.
pub fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(flag.to_string()),
        Json::Array(items) => items.iter().map(text).collect::<Option<Vec<_>>>().map(|items| items.join(",")),
        Json::Object(_) | Json::Null => None,
    }
}

fn wrong(name: &str) -> String {
    format!(
        "`ParameterOverrides` cannot give `{}` this value; write a text, {{\"Fn::GetArtifactAtt\":[artifact,\"BucketName\"|\"ObjectKey\"|\"URL\"]}} or {{\"Fn::GetParam\":[artifact,file,key]}}",
        name.escape_debug()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_read() {
        let overrides = Override::parse(
            r#"{"Code":{"Fn::GetArtifactAtt":["App","ObjectKey"]},"Image":{"Fn::GetParam":["App","out.json","Uri"]},
                "Count":3,"Debug":true,"Subnets":["a","b"]}"#,
        )
        .unwrap();
        let attribute = Override::Attribute { artifact: "App".to_owned(), attribute: Attribute::ObjectKey };
        assert_eq!(overrides["Code"], attribute);
        let file = FileOf { artifact: "App".to_owned(), path: "out.json".to_owned() };
        assert_eq!(overrides["Image"], Override::Param { file, key: "Uri".to_owned() });
        for (name, value) in [("Count", "3"), ("Debug", "true"), ("Subnets", "a,b")] {
            assert_eq!(overrides[name], Override::Text(value.to_owned()));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "[]",
            "{",
            r#"{"A":null}"#,
            r#"{"A":{"Fn::Sub":"x"}}"#,
            r#"{"A":{"Fn::GetArtifactAtt":["App"]}}"#,
            r#"{"A":{"Fn::GetArtifactAtt":["App","ETag"]}}"#,
            r#"{"A":{"Fn::GetParam":["App","f"],"B":1}}"#,
        ] {
            assert!(Override::parse(text).is_err(), "{text}");
        }
    }
}
