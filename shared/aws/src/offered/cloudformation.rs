//! What a `CloudFormation` action's configuration says.

pub mod overrides;

use std::collections::BTreeMap;

use penstock_model::pipeline::Action;

use self::overrides::Override;

/// What the action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Create the stack or update it; never replace it.
    CreateUpdate,
    /// As `CreateUpdate`, but delete a failed stack first.
    ReplaceOnFailure,
    /// Delete the stack.
    DeleteOnly,
    /// Make a change set, in the place of one with the same name.
    ChangeSetReplace,
    /// Execute a change set.
    ChangeSetExecute,
}

/// A file of an input artifact, written `Artifact::path/to/file`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileOf {
    /// The artifact.
    pub artifact: String,
    /// The path in it.
    pub path: String,
}

/// The configuration, checked as far as it can be without the artifacts.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What the action does.
    pub mode: Mode,
    /// The stack's name.
    pub stack: String,
    /// Present in both modes that need it.
    pub change_set: String,
    /// The role that `CloudFormation` works under.
    pub role: Option<String>,
    /// The template.
    pub template: Option<FileOf>,
    /// What the template may do.
    pub capabilities: Vec<String>,
    /// The file with parameters, tags and the stack policy.
    pub template_configuration: Option<FileOf>,
    /// Values in the place of those of the file.
    pub overrides: BTreeMap<String, Override>,
    /// Where the stack's outputs go, in the output artifact.
    pub output_file: Option<String>,
}

impl Settings {
    /// Reads an action whose variables are resolved.
    ///
    /// # Errors
    /// What is wrong and what to write instead.
    pub fn of(action: &Action) -> Result<Self, String> {
        let value =
            |key: &str| action.configuration.get(key).map(|value| value.trim()).filter(|v| !v.is_empty());
        let mode = mode(value("ActionMode"))?;
        let stack = stack_name(value("StackName"))?;
        let change_set = change_set_name(mode, value("ChangeSetName"))?;
        let template = file(action, "TemplatePath", value("TemplatePath"))?;
        if template.is_none() && mode.needs_template() {
            return Err("`TemplatePath` is missing; name the template as Artifact::path/to/file".to_owned());
        }
        let overrides = value("ParameterOverrides").map_or(Ok(BTreeMap::new()), Override::parse)?;
        for artifact in overrides.values().filter_map(Override::artifact) {
            check_input(action, "ParameterOverrides", artifact)?;
        }
        Ok(Self {
            mode,
            stack,
            change_set,
            role: value("RoleArn").map(ToOwned::to_owned),
            template,
            capabilities: list(value("Capabilities")),
            template_configuration: file(action, "TemplateConfiguration", value("TemplateConfiguration"))?,
            overrides,
            output_file: value("OutputFileName").map(output_file).transpose()?,
        })
    }
}

impl Mode {
    fn needs_template(self) -> bool {
        match self {
            Self::CreateUpdate | Self::ReplaceOnFailure | Self::ChangeSetReplace => true,
            Self::DeleteOnly | Self::ChangeSetExecute => false,
        }
    }

    /// Whether it works on a change set.
    pub fn has_change_set(self) -> bool {
        match self {
            Self::ChangeSetReplace | Self::ChangeSetExecute => true,
            Self::CreateUpdate | Self::ReplaceOnFailure | Self::DeleteOnly => false,
        }
    }
}

fn mode(value: Option<&str>) -> Result<Mode, String> {
    match value {
        Some("CREATE_UPDATE") => Ok(Mode::CreateUpdate),
        Some("REPLACE_ON_FAILURE") => Ok(Mode::ReplaceOnFailure),
        Some("DELETE_ONLY") => Ok(Mode::DeleteOnly),
        Some("CHANGE_SET_REPLACE") => Ok(Mode::ChangeSetReplace),
        Some("CHANGE_SET_EXECUTE") => Ok(Mode::ChangeSetExecute),
        other => Err(format!(
            "`ActionMode` {}; write CREATE_UPDATE, REPLACE_ON_FAILURE, DELETE_ONLY, CHANGE_SET_REPLACE or CHANGE_SET_EXECUTE",
            other.map_or("is missing".to_owned(), |other| format!("cannot be `{}`", other.escape_debug()))
        )),
    }
}

/// API reference, `CreateStack`: letters, digits and hyphens, beginning with a letter, at most 128.
fn stack_name(value: Option<&str>) -> Result<String, String> {
    let name = value.ok_or("`StackName` is missing; name the stack")?;
    if is_name(name) { Ok(name.to_owned()) } else { Err(no_name("StackName", name)) }
}

fn change_set_name(mode: Mode, value: Option<&str>) -> Result<String, String> {
    match value {
        None if mode.has_change_set() => Err("`ChangeSetName` is missing; name the change set".to_owned()),
        Some(name) if mode.has_change_set() && !is_name(name) => Err(no_name("ChangeSetName", name)),
        other => Ok(other.unwrap_or_default().to_owned()),
    }
}

fn no_name(key: &str, name: &str) -> String {
    format!(
        "`{key}` cannot be `{}`; write letters, digits and hyphens, beginning with a letter, at most 128",
        name.escape_debug()
    )
}

fn is_name(name: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn file(action: &Action, key: &str, value: Option<&str>) -> Result<Option<FileOf>, String> {
    let Some(value) = value else {
        return Ok(None);
    };
    match value.split_once("::") {
        Some((artifact, path)) if !artifact.is_empty() && !path.is_empty() => {
            check_input(action, key, artifact)?;
            Ok(Some(FileOf { artifact: artifact.to_owned(), path: path.to_owned() }))
        }
        Some(_) | None => {
            Err(format!("`{key}` cannot be `{}`; write Artifact::path/to/file", value.escape_debug()))
        }
    }
}

fn check_input(action: &Action, key: &str, artifact: &str) -> Result<(), String> {
    if action.input_artifacts.iter().any(|input| input.name.as_str() == artifact) {
        return Ok(());
    }
    Err(format!(
        "`{key}` names `{}`, which is no input artifact of the action; add it to `inputArtifacts`",
        artifact.escape_debug()
    ))
}

fn list(value: Option<&str>) -> Vec<String> {
    let parts = value.unwrap_or_default().split(',').map(str::trim);
    parts.filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect()
}

/// A name inside the output artifact.
fn output_file(name: &str) -> Result<String, String> {
    let bad = |part: &str| matches!(part, "" | "." | "..") || part.chars().any(char::is_control);
    if name.len() > 255 || name.contains('\\') || name.split('/').any(bad) {
        return Err(format!(
            "`OutputFileName` cannot be `{}`; write a plain file name such as outputs.json",
            name.escape_debug()
        ));
    }
    Ok(name.to_owned())
}

/// What of a `CloudFormation` action cannot work, with the way out. Values that are known only when the action starts
/// are looked at then.
pub(super) fn refuse(action: &Action) -> Option<String> {
    if action.configuration.values().any(|value| value.contains("#{")) {
        return None;
    }
    Settings::of(action).err()
}

#[cfg(test)]
mod tests {
    use penstock_model::pipeline::Category;
    use penstock_testkit::build::action;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let built = pairs.iter().fold(
            action("Deploy", Category::Deploy, "CloudFormation").consumes("App"),
            |built, (key, value)| built.set(key, value),
        );
        Settings::of(&built.build())
    }

    #[test]
    fn all_keys_are_read() {
        let settings = read(&[
            ("ActionMode", "CHANGE_SET_REPLACE"),
            ("StackName", "web"),
            ("ChangeSetName", "next"),
            ("RoleArn", "arn:aws:iam::1:role/r"),
            ("TemplatePath", "App::out/template.yml"),
            ("Capabilities", "CAPABILITY_IAM, CAPABILITY_AUTO_EXPAND"),
            ("TemplateConfiguration", "App::conf.json"),
            ("ParameterOverrides", r#"{"Stage":"prod"}"#),
            ("OutputFileName", "outputs.json"),
        ])
        .unwrap();
        assert_eq!(settings.mode, Mode::ChangeSetReplace);
        assert_eq!(settings.capabilities, ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]);
        assert_eq!(settings.template.unwrap().path, "out/template.yml");
        assert_eq!(settings.overrides["Stage"], Override::Text("prod".to_owned()));
    }

    #[test]
    fn what_cannot_work_is_said() {
        let cu = ("ActionMode", "CREATE_UPDATE");
        for (pairs, said) in [
            (&[][..], "ActionMode"),
            (&[("ActionMode", "REPLACE")], "cannot be `REPLACE`"),
            (&[cu], "StackName"),
            (&[cu, ("StackName", "1web")], "cannot be `1web`"),
            (&[cu, ("StackName", "web")], "TemplatePath"),
            (&[cu, ("StackName", "web"), ("TemplatePath", "template.yml")], "Artifact::path/to/file"),
            (&[cu, ("StackName", "web"), ("TemplatePath", "Other::t")], "no input artifact"),
            (&[("ActionMode", "CHANGE_SET_EXECUTE"), ("StackName", "web")], "ChangeSetName"),
            (
                &[("ActionMode", "DELETE_ONLY"), ("StackName", "web"), ("OutputFileName", "../x")],
                "OutputFileName",
            ),
        ] {
            let refusal = read(pairs).unwrap_err();
            assert!(refusal.contains(said), "{refusal}");
        }
    }
}
