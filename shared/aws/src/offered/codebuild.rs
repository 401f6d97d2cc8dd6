//! What a `CodeBuild` action may say ("AWS `CodeBuild` build and test action reference").

use std::collections::BTreeMap;

use penstock_model::id::ArtifactName;
use penstock_model::pipeline::Action;
use penstock_model::provider::codebuild::variables;

use super::shape::{Shape, is_open};

const SHAPE: Shape = Shape {
    required: &["ProjectName"],
    optional: &[
        "PrimarySource",
        "BatchEnabled",
        "CombineArtifacts",
        "BuildspecOverride",
        "EnvironmentVariables",
        "ServiceRoleArnOverride",
    ],
    inputs: 1..=5,
    outputs: 0..=5,
};

/// Why `action` cannot be performed, with the way out.
pub fn refuse(action: &Action) -> Option<String> {
    SHAPE
        .refuse(action)
        .or_else(|| refuse_primary(action))
        .or_else(|| refuse_identifiers(action))
        .or_else(|| refuse_batch(action))
        .or_else(|| {
            let text = get(action, "EnvironmentVariables").filter(|text| !text.starts_with("#{"))?;
            variables(text).err()
        })
}

/// Whether the action starts a batch of builds.
pub fn is_batch(action: &Action) -> bool {
    is_set(action, "BatchEnabled")
}

/// Whether a key is set to true.
pub fn is_set(action: &Action, key: &str) -> bool {
    get(action, key).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn get<'a>(action: &'a Action, key: &str) -> Option<&'a str> {
    action.configuration.get(key).map(String::as_str).filter(|value| !value.is_empty())
}

fn refuse_primary(action: &Action) -> Option<String> {
    let mut inputs = action.input_artifacts.iter().map(|input| input.name.as_str());
    match get(action, "PrimarySource") {
        None if action.input_artifacts.len() > 1 => Some(
            "`PrimarySource` is missing; with several input artifacts it names the one that the build starts in".into(),
        ),
        Some(name) if !is_open(name) && !inputs.any(|input| input == name) => {
            Some(format!("`PrimarySource` is `{name}`, which is no input artifact of the action; name one"))
        }
        Some(_) | None => None,
    }
}

/// Names that become the same source identifier could not be told apart.
fn refuse_identifiers(action: &Action) -> Option<String> {
    let mut seen = BTreeMap::new();
    for input in &action.input_artifacts {
        if let Some(other) = seen.insert(identifier(&input.name), &input.name) {
            return Some(format!(
                "its input artifacts `{other}` and `{}` would have the same folder; rename one: only letters, digits and underscores tell them apart",
                input.name
            ));
        }
    }
    None
}

fn refuse_batch(action: &Action) -> Option<String> {
    for key in ["BatchEnabled", "CombineArtifacts"] {
        let value = get(action, key).unwrap_or("false");
        if !is_open(value) && !value.eq_ignore_ascii_case("true") && !value.eq_ignore_ascii_case("false") {
            return Some(format!("`{key}` is `{value}`; write true or false"));
        }
        if is_open(value) {
            return Some(format!("`{key}` may not be a variable; write true or false"));
        }
    }
    let combine = is_set(action, "CombineArtifacts");
    if combine && !is_batch(action) {
        return Some("`CombineArtifacts` needs `BatchEnabled`; set it to true too, or remove it".into());
    }
    if combine && action.output_artifacts.len() > 1 {
        return Some("combined artifacts are one output artifact; remove the others".into());
    }
    None
}

/// The artifact's name as a source identifier, which has letters, digits and underscores only.
pub fn identifier(name: &ArtifactName) -> String {
    name.as_str().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use penstock_testkit::build::{ActionBuilder, build};

    use super::*;

    fn refusal(action: ActionBuilder) -> Option<String> {
        refuse(&action.build())
    }

    fn one() -> ActionBuilder {
        build("B").consumes("App").set("ProjectName", "web")
    }

    #[test]
    fn what_works_is_taken() {
        assert_eq!(refusal(one()), None);
        let more = one().consumes("docs").set("PrimarySource", "docs").set("BatchEnabled", "True");
        let more = more
            .set("EnvironmentVariables", r##"[{"name":"A","value":"#{ns.key}","type":"SECRETS_MANAGER"}]"##);
        assert_eq!(refusal(more), None);
        assert_eq!(refusal(one().set("EnvironmentVariables", "#{ns.variables}")), None);
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_way_out() {
        for (action, expected) in [
            (build("B").consumes("App"), "lacks `ProjectName`"),
            (one().consumes("docs"), "`PrimarySource` is missing"),
            (one().set("PrimarySource", "other"), "no input artifact"),
            (one().consumes("a-b").consumes("a_b").set("PrimarySource", "App"), "same folder"),
            (one().set("BatchEnabled", "yes"), "write true or false"),
            (one().set("CombineArtifacts", "true"), "needs `BatchEnabled`"),
            (one().set("EnvironmentVariables", "A=1"), "no JSON list"),
            (
                one().set("EnvironmentVariables", r#"[{"name":"A","value":"1","type":"SECRET"}]"#),
                "no JSON list",
            ),
            (one().set("EnvironmentVariables", r#"[{"name":"CODEBUILD_X","value":"1"}]"#), "reserved"),
        ] {
            let refusal = refusal(action).unwrap_or_default();
            assert!(refusal.contains(expected), "{expected}: {refusal}");
        }
    }
}
