//! Checks requests against an AWS service's model, as `botocore` ships it: what a stand-in takes is what the service takes.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

/// The model of a service that speaks JSON.
pub struct ServiceModel(Json);

impl ServiceModel {
    /// The latest model of `service`, such as `codebuild`, in the Python environment with the folder `programs`.
    ///
    /// # Panics
    /// If there is none.
    pub fn installed(programs: &Path, service: &str) -> Self {
        let path = find(programs, service)
            .unwrap_or_else(|| panic!("no botocore with a model of {service} beside {}", programs.display()));
        let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut text = String::new();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("a readable model");
        Self(serde_json::from_str(&text).expect("a model in JSON"))
    }

    /// Whether `body` is a request of `operation`.
    ///
    /// # Errors
    /// Says what is wrong and where.
    pub fn check(&self, operation: &str, body: &Json) -> Result<(), String> {
        let input = &self.0["operations"][operation]["input"]["shape"];
        let input = input.as_str().ok_or_else(|| format!("the service has no operation `{operation}`"))?;
        self.shape(input, body, operation)
    }

    /// Whether `body` is an answer of `operation`. Services leave lists empty that a request must fill.
    ///
    /// # Errors
    /// Says what is wrong and where.
    pub fn check_answer(&self, operation: &str, body: &Json) -> Result<(), String> {
        match self.0["operations"][operation]["output"]["shape"].as_str() {
            Some(output) => self.shape(output, &without_empty_lists(body), operation),
            None if body.as_object().is_some_and(serde_json::Map::is_empty) => Ok(()),
            None => Err(format!("{operation}: its answer has no members")),
        }
    }

    fn shape(&self, name: &str, value: &Json, place: &str) -> Result<(), String> {
        let shape = &self.0["shapes"][name];
        let kind = shape["type"].as_str().unwrap_or_default();
        let fits = match kind {
            "structure" => return self.structure(shape, value, place),
            "list" => return self.list(shape, value, place),
            "map" => return self.map(shape, value, place),
            "string" => return text(shape, value, place),
            "boolean" => value.is_boolean(),
            "integer" | "long" => value.is_i64() && within(shape, value.as_u64()),
            "float" | "double" | "timestamp" => value.is_number(),
            "blob" => value.is_string(),
            _ => true,
        };
        if fits { Ok(()) } else { Err(format!("{place}: {value} is no {kind} that `{name}` takes")) }
    }

    fn structure(&self, shape: &Json, value: &Json, place: &str) -> Result<(), String> {
        let members = value.as_object().ok_or_else(|| format!("{place}: an object is expected"))?;
        let required = shape["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
        if let Some(missing) = required.clone().find(|name| !members.contains_key(*name)) {
            return Err(format!("{place}: member `{missing}` is missing"));
        }
        for (name, value) in members {
            let member = shape["members"][name]["shape"].as_str();
            let member = member.ok_or_else(|| format!("{place}: there is no member `{name}`"))?;
            self.shape(member, value, &format!("{place}.{name}"))?;
        }
        Ok(())
    }

    fn list(&self, shape: &Json, value: &Json, place: &str) -> Result<(), String> {
        let items = value.as_array().ok_or_else(|| format!("{place}: a list is expected"))?;
        if !within(shape, u64::try_from(items.len()).ok()) {
            return Err(format!("{place}: {} items are too few or too many", items.len()));
        }
        let member = shape["member"]["shape"].as_str().unwrap_or_default();
        let mut numbered = items.iter().enumerate();
        numbered.try_for_each(|(index, item)| self.shape(member, item, &format!("{place}[{index}]")))
    }

    fn map(&self, shape: &Json, value: &Json, place: &str) -> Result<(), String> {
        let entries = value.as_object().ok_or_else(|| format!("{place}: an object is expected"))?;
        let member = shape["value"]["shape"].as_str().unwrap_or_default();
        let mut entries = entries.iter();
        entries.try_for_each(|(name, item)| self.shape(member, item, &format!("{place}.{name}")))
    }
}

fn text(shape: &Json, value: &Json, place: &str) -> Result<(), String> {
    let text = value.as_str().ok_or_else(|| format!("{place}: a text is expected"))?;
    if !within(shape, u64::try_from(text.chars().count()).ok()) {
        return Err(format!("{place}: `{text}` is too short or too long"));
    }
    match shape["enum"].as_array() {
        Some(values) if !values.iter().any(|known| known == text) => {
            Err(format!("{place}: `{text}` is none of the values that are taken"))
        }
        Some(_) | None => Ok(()),
    }
}

fn without_empty_lists(value: &Json) -> Json {
    match value {
        Json::Object(members) => {
            let full =
                members.iter().filter(|(_, value)| value.as_array().is_none_or(|list| !list.is_empty()));
            full.map(|(name, value)| (name.clone(), without_empty_lists(value))).collect()
        }
        Json::Array(items) => items.iter().map(without_empty_lists).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => value.clone(),
    }
}

/// Whether a length or a number lies within a shape's bounds.
fn within(shape: &Json, size: Option<u64>) -> bool {
    let size = size.unwrap_or_default();
    shape["min"].as_u64().is_none_or(|min| size >= min) && shape["max"].as_u64().is_none_or(|max| size <= max)
}

fn find(programs: &Path, service: &str) -> Option<PathBuf> {
    let library = programs.parent()?.join("lib");
    let pythons = std::fs::read_dir(library).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let models = pythons.map(|python| python.join("site-packages/botocore/data").join(service));
    let versions = models.filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    let paths = versions.filter_map(|entry| Some(entry.ok()?.path().join("service-2.json.gz")));
    paths.filter(|path| path.exists()).max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn model() -> ServiceModel {
        ServiceModel(json!({
            "operations": {"Start": {"input": {"shape": "StartInput"}, "output": {"shape": "StartOutput"}}},
            "shapes": {
                "StartOutput": {"type": "structure", "members": {"size": {"shape": "Size"}}},
                "StartInput": {"type": "structure", "required": ["name"], "members": {
                    "name": {"shape": "Name"}, "kind": {"shape": "Kind"}, "sizes": {"shape": "Sizes"},
                }},
                "Name": {"type": "string", "min": 1},
                "Kind": {"type": "string", "enum": ["A", "B"]},
                "Sizes": {"type": "list", "max": 2, "member": {"shape": "Size"}},
                "Size": {"type": "integer", "min": 5},
            },
        }))
    }

    #[test]
    fn a_request_of_the_model_passes() {
        let request = json!({"name": "n", "kind": "B", "sizes": [5, 6]});
        assert_eq!(model().check("Start", &request), Ok(()));
    }

    #[test]
    fn an_answer_is_checked_as_well() {
        assert_eq!(model().check_answer("Start", &json!({"size": 5})), Ok(()));
        let problem = "Start: there is no member `name`".to_owned();
        assert_eq!(model().check_answer("Start", &json!({"name": "n"})), Err(problem));
    }

    #[test]
    fn what_the_model_does_not_know_is_told_with_its_place() {
        for (request, problem) in [
            (json!({}), "Start: member `name` is missing"),
            (json!({"name": ""}), "Start.name: `` is too short or too long"),
            (json!({"name": "n", "nmae": 1}), "Start: there is no member `nmae`"),
            (json!({"name": "n", "kind": "C"}), "Start.kind: `C` is none of the values that are taken"),
            (json!({"name": "n", "sizes": [4]}), "Start.sizes[0]: 4 is no integer that `Size` takes"),
            (json!({"name": "n", "sizes": [5, 5, 5]}), "Start.sizes: 3 items are too few or too many"),
        ] {
            assert_eq!(model().check("Start", &request), Err(problem.to_owned()));
        }
        assert!(model().check("Stop", &json!({})).is_err());
    }
}
