//! What a CodeBuild or Commands action asks for, read from its configuration, the project and the source.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use penstock_app::engine::state::{AttemptError, ErrorCode};
use penstock_app::port::provider::Work;
use penstock_buildspec::{Buildspec, SecretReference, Variable, VariableValue, parse};
use penstock_model::diagnostic::{Severity, refuses};
use penstock_model::document::MAX_BYTES;
use penstock_model::id::ArtifactName;
use penstock_model::pipeline::{Action, EnvironmentVariableKind};
use penstock_model::provider::codebuild;

use super::{COMMANDS_TIMEOUT, SharedBuildspec, Variables};
use crate::machine_files::MachineFiles;
use crate::projects;

/// The provider of Commands actions.
const COMMANDS: &str = "Commands";
/// Everything, for an output artifact that names no files.
const ALL_FILES: &str = "**/*";

/// What is to be done.
pub(super) struct Plan {
    pub(super) buildspec: SharedBuildspec,
    pub(super) project: String,
    /// Whether the project's builds are counted.
    pub(super) counted: bool,
    /// Whether the buildspec's batch runs instead of its phases.
    pub(super) batched: bool,
    pub(super) image: Option<String>,
    pub(super) timeout: Duration,
    pub(super) project_variables: Variables,
    pub(super) action_variables: Variables,
    pub(super) source: PathBuf,
    pub(super) secondary_sources: Vec<(String, PathBuf)>,
}

/// Why `action` cannot be performed here, whatever its variables come to.
pub(crate) fn refuse(action: &Action) -> Option<String> {
    let project = action.configuration.get("ProjectName").filter(|project| !project.contains("#{"))?;
    check_name(project).err()
}

/// A project's name becomes a folder's.
fn check_name(project: &str) -> Result<(), String> {
    if project.contains(['/', '\\']) || project.starts_with('.') {
        return Err(format!("ProjectName `{}` is no project's name", project.escape_debug()));
    }
    Ok(())
}

impl Plan {
    pub(super) fn of(
        work: &Work,
        files: &MachineFiles,
        source: PathBuf,
        secondary_sources: Vec<(String, PathBuf)>,
    ) -> Result<Self, AttemptError> {
        if work.action.action_type_id.provider == COMMANDS {
            return Ok(Self::of_commands(work, source, secondary_sources));
        }
        let get = |key: &str| {
            work.action.configuration.get(key).map(String::as_str).filter(|value| !value.is_empty())
        };
        let project = get("ProjectName").unwrap_or("default").to_owned();
        check_name(&project).map_err(wrong)?;
        let settings = projects::find(files, &project).map_err(|error| wrong(error.to_string()))?;
        let wanted = get("BuildspecOverride").or(settings.buildspec.as_deref());
        let buildspec = buildspec(&source, wanted)?;
        let literal = |(name, value)| Variable { name, value: VariableValue::Plaintext(value) };
        Ok(Self {
            buildspec: Arc::new(buildspec),
            project,
            counted: true,
            batched: get("BatchEnabled").is_some_and(|value| value.eq_ignore_ascii_case("true")),
            image: settings.image,
            timeout: settings.timeout,
            project_variables: settings.environment.into_iter().map(literal).collect(),
            action_variables: variables(get("EnvironmentVariables"))?,
            source,
            secondary_sources,
        })
    }

    fn of_commands(work: &Work, source: PathBuf, secondary_sources: Vec<(String, PathBuf)>) -> Self {
        let action = &work.action;
        let mut files = vec![];
        if let Some(output) = action.output_artifacts.first() {
            files.clone_from(&output.files);
            if files.is_empty() {
                files.push(ALL_FILES.into());
            }
        }
        let variable = |variable: &penstock_model::pipeline::EnvironmentVariable| Variable {
            name: variable.name.clone(),
            value: match variable.kind {
                EnvironmentVariableKind::Plaintext => VariableValue::Plaintext(variable.value.clone()),
                EnvironmentVariableKind::SecretsManager => secret(&variable.value),
            },
        };
        Self {
            buildspec: Arc::new(Buildspec::from_commands(
                action.commands.clone(),
                action.output_variables.clone(),
                files,
            )),
            project: format!("{}-{}-{}", work.pipeline, work.attempt.stage, action.name),
            counted: false,
            batched: false,
            image: None,
            timeout: COMMANDS_TIMEOUT,
            project_variables: vec![],
            action_variables: action.environment_variables.iter().map(variable).collect(),
            source,
            secondary_sources,
        }
    }
}

/// Whether nothing that a [`Plan`] is made of lies in the inputs.
pub(super) fn is_known_without_source(work: &Work) -> bool {
    work.action.action_type_id.provider == COMMANDS
}

/// The input that becomes `CODEBUILD_SRC_DIR`.
pub(super) fn primary_source(work: &Work) -> Result<Option<&ArtifactName>, AttemptError> {
    let inputs = || work.inputs.iter().map(|input| &input.name);
    match work.action.configuration.get("PrimarySource") {
        None if work.inputs.len() > 1 && work.action.action_type_id.provider != COMMANDS => {
            Err(wrong("PrimarySource is missing; with several input artifacts it names the one that the build starts in".into()))
        }
        None => Ok(inputs().next()),
        Some(name) => inputs()
            .find(|input| input.as_str() == name)
            .map(Some)
            .ok_or_else(|| wrong(format!("PrimarySource `{}` is no input artifact of the action", name.escape_debug()))),
    }
}

/// Reads the buildspec: `wanted` is its text if it has several lines, else a path in the source.
fn buildspec(source: &Path, wanted: Option<&str>) -> Result<Buildspec, AttemptError> {
    let (text, name) = match wanted {
        Some(text) if text.trim().contains('\n') || text.trim_start().starts_with('{') => {
            (text.to_owned(), "the inline buildspec".to_owned())
        }
        Some(arn) if arn.starts_with("arn:") => {
            return Err(wrong(format!(
                "the buildspec `{}` lies in S3, which this machine does not reach; use a path in the source",
                arn.escape_debug()
            )));
        }
        path => {
            let name = path.unwrap_or("buildspec.yml");
            (read_in(source, name)?, name.to_owned())
        }
    };
    let parsed = parse(&text);
    match parsed.buildspec {
        Some(buildspec) if !refuses(&parsed.diagnostics) => Ok(buildspec),
        Some(_) | None => {
            let errors =
                parsed.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
            let errors: Vec<String> = errors.map(|diagnostic| format!("{name}:{diagnostic}")).collect();
            Err(AttemptError::new(ErrorCode::JobFailed, format!("YAML_FILE_ERROR: {}", errors.join("\n"))))
        }
    }
}

/// The text of the file `name` in `source`, if it does not lie outside.
fn read_in(source: &Path, name: &str) -> Result<String, AttemptError> {
    let path = source.join(name.trim_start_matches('/'));
    let missing = || {
        let message = format!(
            "YAML_FILE_ERROR: `{}` does not exist in the source; git add and commit it (`penstock run --dirty` takes it uncommitted), or name another with BuildspecOverride or in projects.yml",
            name.escape_debug()
        );
        AttemptError::new(ErrorCode::JobFailed, message)
    };
    let inside = path.canonicalize().map_err(|_| missing())?;
    if !source.canonicalize().is_ok_and(|source| inside.starts_with(source)) {
        return Err(wrong(format!("the buildspec `{}` lies outside the source", name.escape_debug())));
    }
    // The source is a stranger's: no more is read than the parser takes.
    let mut bytes = vec![];
    let read = File::open(inside).and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|_| missing())?;
    if bytes.len() > MAX_BYTES {
        return Err(wrong(format!(
            "the buildspec `{}` has more than {MAX_BYTES} bytes",
            name.escape_debug()
        )));
    }
    String::from_utf8(bytes)
        .map_err(|_| wrong(format!("the buildspec `{}` is not UTF-8", name.escape_debug())))
}

fn variables(json: Option<&str>) -> Result<Variables, AttemptError> {
    let entries = codebuild::variables(json.unwrap_or("[]")).map_err(wrong)?;
    let variable = |entry: codebuild::Entry| Variable {
        name: entry.name,
        value: match entry.kind {
            codebuild::Kind::Plaintext => VariableValue::Plaintext(entry.value),
            codebuild::Kind::ParameterStore => VariableValue::Parameter(entry.value),
            codebuild::Kind::SecretsManager => secret(&entry.value),
        },
    };
    Ok(entries.into_iter().map(variable).collect())
}

/// A reference to a secret; a text that is none is taken as the secret's name, which will not be found.
fn secret(text: &str) -> VariableValue {
    let whole = || SecretReference {
        secret_id: text.to_owned(),
        json_key: None,
        version_stage: None,
        version_id: None,
    };
    VariableValue::Secret(SecretReference::parse(text).unwrap_or_else(|_| whole()))
}

fn wrong(message: String) -> AttemptError {
    AttemptError::new(ErrorCode::ConfigurationError, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buildspec_is_found_by_path_or_inline_and_never_outside() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("src");
        std::fs::create_dir_all(source.join("ci")).unwrap();
        let text = "version: 0.2\nphases: {build: {commands: [make]}}\n";
        std::fs::write(source.join("ci/b.yml"), text).unwrap();
        std::fs::write(folder.path().join("b.yml"), text).unwrap();
        assert!(buildspec(&source, Some("ci/b.yml")).is_ok());
        assert!(buildspec(&source, Some(text)).is_ok());
        let missing = buildspec(&source, None).unwrap_err().message;
        assert!(
            missing.contains("`buildspec.yml` does not exist") && missing.contains("run --dirty"),
            "{missing}"
        );
        assert!(buildspec(&source, Some("../b.yml")).unwrap_err().message.contains("outside"));
        let invalid = buildspec(&source, Some("version: 9\nphases: {}\n")).unwrap_err();
        assert!(
            invalid.message.starts_with("YAML_FILE_ERROR: the inline buildspec:1:"),
            "{}",
            invalid.message
        );
    }

    #[test]
    fn environment_variables_are_read() {
        let read = variables(Some(
            r#"[{"name":"A","value":"1"},{"name":"B","value":"/b","type":"PARAMETER_STORE"}]"#,
        ))
        .unwrap();
        assert_eq!(read[1].value, VariableValue::Parameter("/b".into()));
        assert!(variables(Some("A=1")).unwrap_err().message.contains("JSON"));
        for name in ["", "CODEBUILD_BUILD_ID", "PENSTOCK_ATTEMPT"] {
            let refused = variables(Some(&format!(r#"[{{"name":"{name}","value":"1"}}]"#))).unwrap_err();
            assert!(refused.message.contains("reserved"), "as on AWS: {name}");
        }
    }
}
