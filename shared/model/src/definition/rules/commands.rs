//! What belongs to Commands actions only, and its limits (API model; user guide, "Commands action reference").

use crate::definition::draft::{Action, Draft, Text};
use crate::definition::findings::{Findings, quoted};
use crate::pipeline::{Category, Owner};

const MAX_COMMANDS: usize = 50;
const MAX_COMMAND_CHARS: usize = 1000;
const MAX_OUTPUT_VARIABLES: usize = 15;
const MAX_ENVIRONMENT: usize = 10;
const MAX_FILES: usize = 10;
const MAX_FILE_CHARS: usize = 128;

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    for (_, _, action) in draft.actions() {
        let is_commands = action.is(Category::Compute, "Commands") && action.kind.owner == Some(Owner::Aws);
        if is_commands && action.commands.is_empty() {
            findings.error(
                action.place,
                "missing-key",
                "a Commands action needs `commands`, a list of 1 to 50 shell commands; add it",
            );
        }
        if !is_commands && action.kind.provider.known && action.kind.owner != Some(Owner::Custom) {
            check_elsewhere(action, findings);
        }
        check_commands(&action.commands, findings);
        check_variables(action, findings);
        check_files(action, findings);
        check_timeout(action, findings);
    }
}

fn check_elsewhere(action: &Action, findings: &mut Findings) {
    if let Some(first) = action.commands.first() {
        let message = "only a Commands action (category Compute, owner AWS) has `commands`; change the action type or remove them";
        findings.error(first.place, "commands-elsewhere", message);
    }
    if let Some(first) = action.output_variables.first() {
        let message = "only a Commands action declares `outputVariables`; a build exports them in its buildspec (`exported-variables`)";
        findings.error(first.place, "commands-elsewhere", message);
    }
    if let Some(first) = action.environment.first().filter(|_| !action.is(Category::Deploy, "EKS")) {
        let message = "only a Commands action has `environmentVariables`; give CodeBuild its own in `configuration` as EnvironmentVariables";
        findings.error(first.name.place, "commands-elsewhere", message);
    }
    if let Some(file) = action.outputs.iter().find_map(|output| output.files.first()) {
        let message =
            "`files` counts only in a Commands action; here the provider decides what the artifact holds";
        findings.warning(file.place, "files-ignored", message);
    }
}

pub(super) fn check_commands(commands: &[Text], findings: &mut Findings) {
    at_most(commands, MAX_COMMANDS, "commands", findings);
    for command in commands.iter().filter(|command| command.known) {
        if command.text.trim_end_matches('\n').contains('\n') {
            let message =
                "a command has one line; write each line as a command of its own, or put them into a script";
            findings.error(command.place, "command-lines", message);
        }
        if command.text.contains("#{") {
            let message = "`#{...}` in a command stays as written, because its value is other people's text; pass it in \
                           `environmentVariables` and let the command read the variable";
            findings.warning(command.place, "reference-in-command", message);
        }
        length(command, "a command", MAX_COMMAND_CHARS, findings);
    }
}

fn check_variables(action: &Action, findings: &mut Findings) {
    at_most(&action.output_variables, MAX_OUTPUT_VARIABLES, "output variables", findings);
    action.output_variables.iter().for_each(|name| length(name, "an output variable's name", 128, findings));
    if let Some(extra) = action.environment.get(MAX_ENVIRONMENT) {
        too_many(&extra.name, action.environment.len(), MAX_ENVIRONMENT, "environment variables", findings);
    }
    for (index, variable) in action.environment.iter().enumerate() {
        let name = &variable.name;
        length(name, "an environment variable's name", 128, findings);
        length(&variable.value, "an environment variable's value", 2000, findings);
        if name.known && !name.text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let message = format!(
                "{} is no name of an environment variable: letters, digits and _",
                quoted(&name.text)
            );
            findings.error(name.place, "environment-variable", message);
        }
        if name.known && action.environment[..index].iter().any(|other| other.name.text == name.text) {
            findings.error(
                name.place,
                "environment-variable",
                format!("{} is set twice; remove one", quoted(&name.text)),
            );
        }
    }
}

fn check_files(action: &Action, findings: &mut Findings) {
    for output in &action.outputs {
        at_most(&output.files, MAX_FILES, "files in an output artifact", findings);
        output.files.iter().for_each(|file| length(file, "a file path", MAX_FILE_CHARS, findings));
    }
}

/// A time to expiry is for approvals alone (API model, `timeoutInMinutes`).
fn check_timeout(action: &Action, findings: &mut Findings) {
    let Some(timeout) = action.timeout else { return };
    if action.kind.category.is_some_and(|category| category != Category::Approval) {
        let message = "only a manual approval has `timeoutInMinutes`; remove it, every other action has its provider's timeout";
        findings.error(timeout.place, "timeout-elsewhere", message);
    } else if !(5..=86_400).contains(&timeout.value) {
        let message =
            format!("`timeoutInMinutes` is a number from 5 to 86400 (60 days), not {}", timeout.value);
        findings.error(timeout.place, "timeout", message);
    }
}

fn at_most(texts: &[Text], most: usize, what: &str, findings: &mut Findings) {
    if let Some(extra) = texts.get(most) {
        too_many(extra, texts.len(), most, what, findings);
    }
}

fn too_many(extra: &Text, found: usize, most: usize, what: &str, findings: &mut Findings) {
    findings.error(extra.place, "too-many", format!("{found} {what}, and {most} are allowed; remove some"));
}

fn length(text: &Text, what: &str, most: usize, findings: &mut Findings) {
    let count = text.text.chars().count();
    if text.known && !(1..=most).contains(&count) {
        findings.error(
            text.place,
            "text-length",
            format!("{what} has 1 to {most} characters, and this has {count}"),
        );
    }
}
