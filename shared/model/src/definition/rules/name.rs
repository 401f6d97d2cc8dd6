//! The form of names, roles and regions (API model).

use crate::definition::draft::{Action, Draft, Text};
use crate::definition::findings::{Findings, quoted};
use crate::id::{ActionName, ArtifactName, InvalidId, Namespace, PipelineName, StageName};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    form(&draft.name, "pipeline-name", PipelineName::new, findings);
    role(draft.role_arn.as_ref(), findings);
    for stage in &draft.stages {
        form(&stage.name, "stage-name", StageName::new, findings);
        stage.actions.iter().for_each(|action| check_action(action, findings));
    }
    for variable in &draft.variables {
        variable_name(&variable.name, findings);
    }
}

fn check_action(action: &Action, findings: &mut Findings) {
    form(&action.name, "action-name", ActionName::new, findings);
    for name in action.inputs.iter().chain(action.outputs.iter().map(|output| &output.name)) {
        form(name, "artifact-name", ArtifactName::new, findings);
    }
    if let Some(namespace) = &action.namespace {
        form(namespace, "namespace", Namespace::new, findings);
    }
    role(action.role_arn.as_ref(), findings);
    if let Some(region) = &action.region {
        check_region(region, findings);
    }
}

pub(super) fn form<T>(
    text: &Text,
    code: &str,
    parse: fn(&str) -> Result<T, InvalidId>,
    findings: &mut Findings,
) {
    if text.known
        && let Err(error) = parse(&text.text)
    {
        let message: String =
            error.to_string().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        findings.error(text.place, code, message);
    }
}

fn variable_name(name: &Text, findings: &mut Findings) {
    let valid = (1..=128).contains(&name.text.len())
        && name.text.chars().all(|c| c.is_ascii_alphanumeric() || "@-_".contains(c));
    if name.known && !valid {
        let message = format!(
            "{} is no variable name: 1 to 128 of the characters A-Z a-z 0-9 @ - _",
            quoted(&name.text)
        );
        findings.error(name.place, "variable-name", message);
    }
}

pub(super) fn check_region(region: &Text, findings: &mut Findings) {
    // It becomes part of the names of hosts, to which signed requests are sent.
    let valid = (4..=30).contains(&region.text.len())
        && region.text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if region.known && !valid {
        let message = format!(
            "{} is no region: 4 to 30 of the characters a-z 0-9 -, such as eu-west-1",
            quoted(&region.text)
        );
        findings.error(region.place, "region", message);
    }
}

/// `arn:aws(-[\w]+)*:iam::[0-9]{12}:role/.*` (API model, `RoleArn`).
pub(super) fn role(role: Option<&Text>, findings: &mut Findings) {
    let Some(role) = role.filter(|role| role.known) else {
        return;
    };
    if role.text.chars().count() > 1024 || !is_role(&role.text) {
        let message = format!(
            "{} is no role; write arn:aws:iam::ACCOUNT:role/NAME with twelve digits of account",
            quoted(&role.text)
        );
        findings.error(role.place, "role-arn", message);
    }
}

fn is_role(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, service, region, account, resource] = parts[..] else {
        return false;
    };
    let words = |text: &str| text.chars().all(|c| c.is_alphanumeric() || "_-".contains(c));
    arn == "arn"
        && (partition == "aws" || partition.starts_with("aws-"))
        && words(partition)
        && service == "iam"
        && region.is_empty()
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && resource.starts_with("role/")
}
