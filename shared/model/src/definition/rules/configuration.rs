//! Configuration keys and values: what a provider needs, what it does not know, and how long a value may be.

use serde_json::Value as Json;

use super::{source, storage};
use crate::definition::draft::{Action, Draft, Text};
use crate::definition::findings::{Findings, quoted};
use crate::pipeline::Category;
use crate::provider::Provider;

const MAX_KEY_CHARS: usize = 50;
const MAX_VALUE_CHARS: usize = 1000;

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    for (_, _, action) in draft.actions() {
        limits(&action.configuration, MAX_VALUE_CHARS, findings);
        let Some(provider) = action.provider() else {
            continue;
        };
        check_unknown(action, provider, findings);
        check_required(action, provider, findings);
        check_values(action, findings);
        check_codebuild(action, findings);
        check_cloudformation(action, findings);
        check_alternatives(action, findings);
        check_command(action, findings);
        storage::check(action, findings);
    }
}

pub(super) fn limits(configuration: &[(Text, Text)], most: usize, findings: &mut Findings) {
    for (key, value) in configuration {
        if !(1..=MAX_KEY_CHARS).contains(&key.text.chars().count()) {
            let message = format!("the key {} must have 1 to {MAX_KEY_CHARS} characters", quoted(&key.text));
            findings.error(key.place, "configuration-length", message);
        }
        let count = value.text.chars().count();
        if value.known && count == 0 {
            let message = format!(
                "{} is empty, which CodePipeline refuses; give it a value or remove it",
                quoted(&key.text)
            );
            findings.error(value.place, "configuration-length", message);
        }
        if value.known && count > most {
            let message = format!(
                "the value of {} has {count} characters, and {most} are allowed; put it into a file",
                quoted(&key.text)
            );
            findings.error(value.place, "configuration-length", message);
        }
    }
}

fn check_unknown(action: &Action, provider: &Provider, findings: &mut Findings) {
    for (key, _) in &action.configuration {
        if !provider.takes(&key.text) {
            let hint = findings.suggestion(&key.text, provider.keys());
            let message = format!(
                "{} has no setting {}, so it changes nothing{hint}",
                provider.name,
                quoted(&key.text)
            );
            findings.warning(key.place, "unknown-configuration", message);
        }
    }
}

fn check_required(action: &Action, provider: &Provider, findings: &mut Findings) {
    if source::is_git(action) {
        return;
    }
    let missing: Vec<&str> =
        provider.required.iter().copied().filter(|key| action.setting(key).is_none()).collect();
    if provider.name == "CodeBuild" {
        if !missing.is_empty() {
            let message = "no `ProjectName`: the source's root `buildspec.yml` is run; name a project to say more about the build";
            findings.warning(action.place, "default-project", message);
        }
        return;
    }
    for key in missing {
        let message = format!("{} cannot run without `{key}`; add it to `configuration`", provider.name);
        findings.error(action.place, "missing-configuration", message);
    }
}

/// Settings that take one of a few values.
const CHOICES: [(&str, &[&str]); 15] = [
    (
        "ActionMode",
        &["CREATE_UPDATE", "REPLACE_ON_FAILURE", "DELETE_ONLY", "CHANGE_SET_REPLACE", "CHANGE_SET_EXECUTE"],
    ),
    ("OutputArtifactFormat", &["CODE_ZIP", "CODEBUILD_CLONE_REF"]),
    ("EnvironmentType", &["LINUX_CONTAINER", "WINDOWS_SERVER_2022_CONTAINER"]),
    ("ComputeType", &["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE"]),
    ("PermissionModel", &["SELF_MANAGED", "SERVICE_MANAGED"]),
    ("CallAs", &["SELF", "DELEGATED_ADMIN"]),
    ("InputType", &["Literal", "FilePath"]),
    ("RegistryType", &["private", "public"]),
    ("InspectorRunMode", &["SourceCodeScan", "ECRImageScan"]),
    ("DetectChanges", BOOLEANS),
    ("PollForSourceChanges", BOOLEANS),
    ("AllowOverrideForS3ObjectKey", BOOLEANS),
    ("BatchEnabled", BOOLEANS),
    ("CombineArtifacts", BOOLEANS),
    ("Extract", BOOLEANS),
];
const BOOLEANS: &[&str] = &["true", "false"];

fn check_values(action: &Action, findings: &mut Findings) {
    for (key, value) in
        action.configuration.iter().filter(|(_, value)| value.known && !value.text.contains("#{"))
    {
        let Some((_, allowed)) = CHOICES.iter().find(|(name, _)| *name == key.text) else {
            continue;
        };
        // CodePipeline reads its booleans without regard to case.
        let same = |allowed_value: &&str| {
            *allowed_value == value.text
                || (*allowed == BOOLEANS && allowed_value.eq_ignore_ascii_case(&value.text))
        };
        if !allowed.iter().any(same) {
            let hint = findings.suggestion(&value.text, allowed.iter().copied());
            let message = format!(
                "{} cannot be {}{hint}; it is one of {}",
                quoted(&key.text),
                quoted(&value.text),
                allowed.join(", ")
            );
            findings.error(value.place, "configuration-value", message);
        }
    }
}

fn is_true(value: Option<&Text>) -> bool {
    value.is_some_and(|value| value.known && value.text.eq_ignore_ascii_case("true"))
}

fn check_codebuild(action: &Action, findings: &mut Findings) {
    if !action.is(Category::Build, "CodeBuild") && !action.is(Category::Test, "CodeBuild") {
        return;
    }
    match action.setting("PrimarySource") {
        None if action.inputs.len() > 1 => {
            let message = "a build of several artifacts needs `PrimarySource`, the one in which it starts; add it to `configuration`";
            findings.error(action.place, "missing-configuration", message);
        }
        Some(primary) if primary.known && !consumes(action, &primary.text) => {
            not_consumed(primary, &primary.text, findings);
        }
        Some(_) | None => {}
    }
    if let Some(combine) = action.setting("CombineArtifacts").filter(|combine| is_true(Some(combine)))
        && !is_true(action.setting("BatchEnabled"))
    {
        let message = "`CombineArtifacts` needs a batch build; add `BatchEnabled: true` or remove it";
        findings.error(combine.place, "configuration-value", message);
    }
    if let Some(variables) = action.setting("EnvironmentVariables").filter(|variables| variables.known) {
        check_environment(variables, findings);
    }
}

/// `[{"name": …, "value": …, "type": "PLAINTEXT"}]`.
fn check_environment(variables: &Text, findings: &mut Findings) {
    let message = "`EnvironmentVariables` must be JSON such as [{\"name\":\"STAGE\",\"value\":\"test\",\"type\":\"PLAINTEXT\"}]";
    let Ok(Json::Array(items)) = serde_json::from_str(&variables.text) else {
        return findings.error(variables.place, "configuration-value", message);
    };
    for item in &items {
        let named = item.get("name").is_some_and(Json::is_string) && item.get("value").is_some();
        let kind = item.get("type").map_or(Some("PLAINTEXT"), Json::as_str);
        if !named || !matches!(kind, Some("PLAINTEXT" | "PARAMETER_STORE" | "SECRETS_MANAGER")) {
            let message = format!("{message}; the type is PLAINTEXT, PARAMETER_STORE or SECRETS_MANAGER");
            return findings.error(variables.place, "configuration-value", message);
        }
    }
}

fn consumes(action: &Action, artifact: &str) -> bool {
    action.inputs.iter().any(|input| !input.known || input.text == artifact)
}

fn not_consumed(value: &Text, artifact: &str, findings: &mut Findings) {
    let message =
        format!("{} is no input artifact of this action; add it to `inputArtifacts`", quoted(artifact));
    findings.error(value.place, "artifact-not-consumed", message);
}

fn check_cloudformation(action: &Action, findings: &mut Findings) {
    if !action.is(Category::Deploy, "CloudFormation") {
        return;
    }
    let mode = action.setting("ActionMode").filter(|mode| mode.known).map(|mode| mode.text.as_str());
    let needs: &[&str] = match mode {
        Some("CHANGE_SET_REPLACE") => &["ChangeSetName", "TemplatePath"],
        Some("CHANGE_SET_EXECUTE") => &["ChangeSetName"],
        Some("CREATE_UPDATE" | "REPLACE_ON_FAILURE") => &["TemplatePath"],
        _ => &[],
    };
    for key in needs.iter().filter(|key| action.setting(key).is_none()) {
        let message = format!(
            "CloudFormation in mode {} needs `{key}`; add it to `configuration`",
            mode.unwrap_or_default()
        );
        findings.error(action.place, "missing-configuration", message);
    }
    for key in ["TemplatePath", "TemplateConfiguration"] {
        if let Some(path) = action.setting(key).filter(|path| path.known && !path.text.contains("#{")) {
            check_artifact_path(action, key, path, findings);
        }
    }
    if let Some(overrides) = action.setting("ParameterOverrides").filter(|overrides| overrides.known)
        && !overrides.text.contains("#{")
        && !serde_json::from_str::<Json>(&overrides.text).is_ok_and(|json| json.is_object())
    {
        let message = "`ParameterOverrides` must be a JSON object of parameters and values in a text";
        findings.error(overrides.place, "configuration-value", message);
    }
}

fn check_artifact_path(action: &Action, key: &str, path: &Text, findings: &mut Findings) {
    match path.text.split_once("::") {
        Some((artifact, file)) if !artifact.is_empty() && !file.is_empty() => {
            if !consumes(action, artifact) {
                not_consumed(path, artifact, findings);
            }
        }
        Some(_) | None => {
            let message = format!("`{key}` is a file of an artifact; write Artifact::path/to/file");
            findings.error(path.place, "configuration-value", message);
        }
    }
}

/// What is needed only when something else is so or is missing.
fn check_alternatives(action: &Action, findings: &mut Findings) {
    let has = |key: &str| action.setting(key).is_some();
    let extract = action.setting("Extract").filter(|extract| extract.known);
    let needs = if action.is(Category::Deploy, "S3") {
        let whole = extract.is_some_and(|extract| extract.text.eq_ignore_ascii_case("false"));
        (whole && !has("ObjectKey")).then_some(
            "with `Extract: false` the zip needs a name in the bucket; add `ObjectKey` to `configuration`",
        )
    } else if action.is(Category::Deploy, "Lambda") {
        (action.inputs.is_empty() && !has("PublishedTargetVersion"))
            .then_some("without an input artifact Lambda needs `PublishedTargetVersion`; add one of them")
    } else if action.is(Category::Deploy, "EKS") {
        (!(has("ManifestFiles") || has("HelmReleaseName") && has("HelmChartLocation")))
            .then_some("EKS needs `ManifestFiles`, or `HelmReleaseName` and `HelmChartLocation`; add them to `configuration`")
    } else {
        None
    };
    if let Some(message) = needs {
        findings.error(action.place, "missing-configuration", message);
    }
}

/// Penstock's own Command: a program and its arguments, never a shell string, and nobody else's text.
fn check_command(action: &Action, findings: &mut Findings) {
    let command = action.setting("Command").filter(|command| command.known);
    let Some(command) = command.filter(|_| action.is(Category::Invoke, "Command")) else {
        return;
    };
    if command.text.contains("#{") {
        let message = "`Command` holds a `#{...}`, which is other people's text; write it into `UserParameters`, which the program finds as USER_PARAMETERS in its environment";
        return findings.error(command.place, "reference-in-command", message);
    }
    if !serde_json::from_str::<Vec<String>>(&command.text).is_ok_and(|words| !words.is_empty()) {
        let message = "`Command` must be a JSON list, the program and its arguments, such as [\"python3\", \"announce.py\"]";
        findings.error(command.place, "configuration-value", message);
    }
}
