//! `imagedefinitions.json`: which container of a task definition gets which image.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::TaskDefinition;
use serde::Deserialize;

use crate::provider::failure::Failure;

/// An entry of the file.
#[derive(Debug, Deserialize)]
struct Entry {
    name: String,
    #[serde(rename = "imageUri")]
    image_uri: String,
}

/// Images by container.
pub(super) type Images = BTreeMap<String, String>;

/// Reads the file called `file`.
pub(super) fn parse(file: &str, text: &str) -> Result<Images, Failure> {
    let entries: Vec<Entry> = serde_json::from_str(text).map_err(|error| {
        Failure::configuration(format!(
            "{file} does not hold image definitions ({error}); write [{{\"name\": CONTAINER, \"imageUri\": IMAGE}}]"
        ))
    })?;
    if let Some(entry) = entries.iter().find(|entry| entry.name.is_empty() || entry.image_uri.is_empty()) {
        return Err(Failure::configuration(format!(
            "{file} has an entry without name or imageUri ({entry:?})"
        )));
    }
    if entries.is_empty() {
        return Err(Failure::configuration(format!("{file} names no container; add one")));
    }
    Ok(entries.into_iter().map(|entry| (entry.name, entry.image_uri)).collect())
}

/// The definition with `images`.
pub(super) fn swap(mut definition: TaskDefinition, images: &Images) -> Result<TaskDefinition, Failure> {
    let mut containers = definition.container_definitions.take().unwrap_or_default();
    for (name, image) in images {
        let known: Vec<String> = containers.iter().filter_map(|container| container.name.clone()).collect();
        let Some(container) = containers.iter_mut().find(|container| container.name.as_ref() == Some(name))
        else {
            return Err(Failure::configuration(format!(
                "the service's task definition has no container `{name}`; it has {}",
                known.join(", ")
            )));
        };
        container.image = Some(image.clone());
    }
    definition.container_definitions = Some(containers);
    Ok(definition)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::ContainerDefinition;

    use super::*;

    #[test]
    fn only_named_containers_change() {
        let container = |name: &str| ContainerDefinition::builder().name(name).image("old").cpu(7).build();
        let definition = TaskDefinition::builder()
            .container_definitions(container("web"))
            .container_definitions(container("side"))
            .build();
        let images = parse("f", r#"[{"name":"web","imageUri":"new"}]"#).unwrap();
        let swapped = swap(definition.clone(), &images).unwrap();
        let images: Vec<_> = swapped.container_definitions().iter().map(|it| (it.image(), it.cpu)).collect();
        assert_eq!(images, [(Some("new"), 7), (Some("old"), 7)]);
        assert!(swap(definition, &[("db".to_owned(), "x".to_owned())].into()).is_err());
    }

    #[test]
    fn files_of_another_form_are_refused() {
        for wrong in ["", "{}", "[]", r#"[{"name":"web"}]"#, r#"[{"name":"","imageUri":"x"}]"#] {
            assert!(parse("f", wrong).is_err(), "{wrong}");
        }
    }
}
