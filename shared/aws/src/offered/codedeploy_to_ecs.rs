//! What a `CodeDeployToECS` action may say.

use penstock_model::pipeline::Action;

use super::shape::Shape;

/// How many images can be put into the task definition.
pub const IMAGES: u8 = 4;

/// Why `action` cannot be performed, with the way out.
pub(super) fn refuse(action: &Action) -> Option<String> {
    let refused = Shape::listed("CodeDeployToECS").and_then(|shape| shape.refuse(action));
    refused.or_else(|| (1..=IMAGES).find_map(|n| half_image(action, n)))
}

fn half_image(action: &Action, n: u8) -> Option<String> {
    let (artifact, container) = (format!("Image{n}ArtifactName"), format!("Image{n}ContainerName"));
    let has = |key: &String| action.configuration.contains_key(key);
    match (has(&artifact), has(&container)) {
        (true, false) => Some(format!("it has `{artifact}` and no `{container}`; set both or neither")),
        (false, true) => Some(format!("it has `{container}` and no `{artifact}`; set both or neither")),
        (true, true) | (false, false) => None,
    }
}
