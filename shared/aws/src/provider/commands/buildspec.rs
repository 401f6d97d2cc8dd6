//! The buildspec of a Commands action, as JSON, which YAML contains: commands are data in it, never parts of a text.

use penstock_model::pipeline::Action;
use serde::Serialize;

/// Everything, for an output artifact that names no files.
const ALL_FILES: &str = "**/*";

#[derive(Serialize)]
struct Buildspec<'a> {
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    env: Option<Env<'a>>,
    phases: Phases<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifacts: Option<Artifacts<'a>>,
}

#[derive(Serialize)]
struct Env<'a> {
    #[serde(rename = "exported-variables")]
    exported_variables: &'a [String],
}

#[derive(Serialize)]
struct Phases<'a> {
    build: Build<'a>,
}

#[derive(Serialize)]
struct Build<'a> {
    commands: &'a [String],
}

#[derive(Serialize)]
struct Artifacts<'a> {
    files: Vec<&'a str>,
}

/// The buildspec's text.
pub(super) fn of(action: &Action) -> Result<String, serde_json::Error> {
    let exported_variables = action.output_variables.as_slice();
    let artifacts = action.output_artifacts.first().map(|output| {
        let files: Vec<&str> = output.files.iter().map(String::as_str).collect();
        Artifacts { files: if files.is_empty() { vec![ALL_FILES] } else { files } }
    });
    // On several lines: CodeBuild may take a text of one line for the name of a file.
    serde_json::to_string_pretty(&Buildspec {
        version: "0.2",
        env: (!exported_variables.is_empty()).then_some(Env { exported_variables }),
        phases: Phases { build: Build { commands: &action.commands } },
        artifacts,
    })
}

#[cfg(test)]
mod tests {
    use penstock_model::pipeline::Category;
    use penstock_testkit::build::action;

    use super::*;

    #[test]
    fn commands_stay_what_they_are() {
        let mut commands = action("C", Category::Compute, "Commands").produces("out").build();
        commands.commands = vec!["echo \"a: b\" 'c' #x".into(), "- - {}".into()];
        commands.output_variables = vec!["A".into()];
        let buildspec = of(&commands).unwrap();
        assert!(buildspec.starts_with("{\n"));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&buildspec).unwrap(),
            serde_json::json!({
                "version": "0.2",
                "env": {"exported-variables": ["A"]},
                "phases": {"build": {"commands": ["echo \"a: b\" 'c' #x", "- - {}"]}},
                "artifacts": {"files": ["**/*"]},
            })
        );
    }
}
