//! From the tree of a file in either spelling to a draft, reporting what has the wrong form.

mod condition;
mod kind;
mod trigger;

use super::draft::{Action, Draft, Environment, Output, Placed, Stage, Store, Text, Variable};
use super::fields::{Fields, tagged, text};
use super::findings::{Findings, quoted};

use crate::document::{Key, Node, Value};
use crate::pipeline::{EnvironmentVariableKind, ExecutionMode};

/// The definition in `root`: bare, or under `pipeline` with `metadata` beside it.
pub(super) fn root(root: &Node, findings: &mut Findings) -> Option<Draft> {
    let mut fields = Fields::of(root, "a definition", findings)?;
    let Some(wrapped) = fields.get("pipeline") else {
        if fields.get("name").is_none() && fields.get("stages").is_none() {
            let message =
                "this is no pipeline's definition; one has `name` and `stages`, bare or under `pipeline`";
            findings.error(root.place, "no-definition", message);
            return None;
        }
        return pipeline(root, findings);
    };
    // What get-pipeline prints beside the definition is the service's, not the definition's.
    fields.get("metadata");
    fields.finish(findings);
    pipeline(wrapped, findings)
}

pub(crate) fn pipeline(node: &Node, findings: &mut Findings) -> Option<Draft> {
    let mut fields = Fields::of(node, "a pipeline", findings)?;
    let draft = Draft {
        place: node.place,
        name: fields.required_text("name", findings),
        role_arn: fields.text("roleArn", findings),
        store: fields.get("artifactStore").and_then(|node| store(node, findings)),
        stores: fields.get("artifactStores").map(|node| stores(node, findings)),
        stages: stages(&mut fields, findings),
        has_stages: fields.get("stages").is_some(),
        mode: mode(&mut fields, findings),
        kind: fields.text("pipelineType", findings),
        variables: fields
            .list("variables", findings)
            .iter()
            .filter_map(|node| variable(node, findings))
            .collect(),
        triggers: fields
            .list("triggers", findings)
            .iter()
            .filter_map(|node| trigger::trigger(node, findings))
            .collect(),
    };
    version(&mut fields, findings);
    fields.finish(findings);
    Some(draft)
}

fn stages(fields: &mut Fields<'_>, findings: &mut Findings) -> Vec<Stage> {
    if fields.get("stages").is_none() {
        fields.missing("stages", findings);
        return Vec::new();
    }
    fields.list("stages", findings).iter().filter_map(|node| stage(node, findings)).collect()
}

/// The version is counted by whoever stores the definition; what is written is only checked.
fn version(fields: &mut Fields<'_>, findings: &mut Findings) {
    if let Some(version) = fields.integer("version", findings)
        && version.value < 1
    {
        findings.error(
            version.place,
            "version",
            "a pipeline's version is a whole number from 1; leave it out, it is counted for you",
        );
    }
}

fn mode(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<Placed<ExecutionMode>> {
    let written = fields.text("executionMode", findings)?;
    let value = match written.text.as_str() {
        "SUPERSEDED" => ExecutionMode::Superseded,
        "QUEUED" => ExecutionMode::Queued,
        "PARALLEL" => ExecutionMode::Parallel,
        _ if !written.known => return None,
        other => {
            let message =
                format!("{} is no execution mode; write SUPERSEDED, QUEUED or PARALLEL", quoted(other));
            findings.error(written.place, "execution-mode", message);
            return None;
        }
    };
    Some(Placed { value, place: written.place })
}

fn store(node: &Node, findings: &mut Findings) -> Option<Store> {
    let mut fields = Fields::of(node, "an artifact store", findings)?;
    let store = Store {
        place: node.place,
        kind: fields.required_text("type", findings),
        location: fields.required_text("location", findings),
        key: fields.get("encryptionKey").and_then(|node| encryption_key(node, findings)),
    };
    fields.finish(findings);
    Some(store)
}

fn encryption_key(node: &Node, findings: &mut Findings) -> Option<serde_json::Value> {
    let mut fields = Fields::of(node, "an encryption key", findings)?;
    let id = fields.required_text("id", findings);
    let kind = fields.required_text("type", findings);
    if kind.known && kind.text != "KMS" {
        findings.error(kind.place, "artifact-store", "an encryption key's type can only be KMS");
    }
    fields.finish(findings);
    Some(serde_json::json!({ "id": id.text, "type": kind.text }))
}

fn stores(node: &Node, findings: &mut Findings) -> Vec<(Text, Store)> {
    let Some(entries) = node.map() else {
        findings.error(
            node.place,
            "wrong-type",
            "`artifactStores` must map each region to its artifact store",
        );
        return Vec::new();
    };
    let region = |key: &Key| Text { text: key.text.clone(), place: key.place, known: true };
    entries.iter().filter_map(|(key, node)| Some((region(key), store(node, findings)?))).collect()
}

fn variable(node: &Node, findings: &mut Findings) -> Option<Variable> {
    let mut fields = Fields::of(node, "a pipeline variable", findings)?;
    let variable = Variable {
        name: fields.required_text("name", findings),
        default: fields.text("defaultValue", findings),
        description: fields.text("description", findings),
    };
    fields.finish(findings);
    Some(variable)
}

fn stage(node: &Node, findings: &mut Findings) -> Option<Stage> {
    let mut fields = Fields::of(node, "a stage", findings)?;
    let stage = Stage {
        place: node.place,
        name: fields.required_text("name", findings),
        actions: fields.list("actions", findings).iter().filter_map(|node| action(node, findings)).collect(),
        before_entry: fields
            .get("beforeEntry")
            .and_then(|node| condition::hook(node, "beforeEntry", findings)),
        on_success: fields.get("onSuccess").and_then(|node| condition::hook(node, "onSuccess", findings)),
        on_failure: fields.get("onFailure").and_then(|node| condition::hook(node, "onFailure", findings)),
    };
    if let Some(first) = fields.list("blockers", findings).first() {
        findings.error(
            first.place,
            "blockers",
            "`blockers` is reserved by CodePipeline and must be left out; add an approval action instead",
        );
    }
    fields.finish(findings);
    Some(stage)
}

fn action(node: &Node, findings: &mut Findings) -> Option<Action> {
    let mut fields = Fields::of(node, "an action", findings)?;
    let action = Action {
        place: node.place,
        name: fields.required_text("name", findings),
        kind: kind::kind(&mut fields, findings),
        run_order: run_order(&mut fields, findings),
        configuration: configuration(&mut fields, findings),
        commands: fields.texts("commands", findings),
        inputs: input_artifacts(&mut fields, findings),
        outputs: fields
            .list("outputArtifacts", findings)
            .iter()
            .filter_map(|node| output(node, findings))
            .collect(),
        output_variables: fields.texts("outputVariables", findings),
        environment: fields
            .list("environmentVariables", findings)
            .iter()
            .filter_map(|node| environment(node, findings))
            .collect(),
        namespace: fields.text("namespace", findings),
        role_arn: fields.text("roleArn", findings),
        region: fields.text("region", findings),
        timeout: fields.integer("timeoutInMinutes", findings),
    };
    fields.finish(findings);
    Some(action)
}

/// 1 where it is left out.
fn run_order(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<Placed<i64>> {
    if fields.get("runOrder").is_some() {
        return fields.integer("runOrder", findings);
    }
    Some(Placed { value: 1, place: fields.place() })
}

pub(super) fn input_artifacts(fields: &mut Fields<'_>, findings: &mut Findings) -> Vec<Text> {
    let mut inputs = Vec::new();
    for node in fields.list("inputArtifacts", findings) {
        let Some(mut fields) = Fields::of(node, "an input artifact (`- name: …`)", findings) else {
            // It still counts as one.
            inputs.push(Text::unknown(node.place));
            continue;
        };
        inputs.push(fields.required_text("name", findings));
        fields.finish(findings);
    }
    inputs
}

fn output(node: &Node, findings: &mut Findings) -> Option<Output> {
    let mut fields = Fields::of(node, "an output artifact (`- name: …`)", findings)?;
    let output =
        Output { name: fields.required_text("name", findings), files: fields.texts("files", findings) };
    fields.finish(findings);
    Some(output)
}

fn environment(node: &Node, findings: &mut Findings) -> Option<Environment> {
    let mut fields = Fields::of(node, "an environment variable", findings)?;
    let name = fields.required_text("name", findings);
    let value = fields.required_text("value", findings);
    let kind = match fields.text("type", findings) {
        Some(kind) if kind.known && kind.text == "SECRETS_MANAGER" => EnvironmentVariableKind::SecretsManager,
        Some(kind) if kind.known && kind.text != "PLAINTEXT" => {
            let message = format!(
                "{} is no type of variable here; write PLAINTEXT or SECRETS_MANAGER",
                quoted(&kind.text)
            );
            findings.error(kind.place, "environment-variable", message);
            EnvironmentVariableKind::Plaintext
        }
        Some(_) | None => EnvironmentVariableKind::Plaintext,
    };
    fields.finish(findings);
    Some(Environment { name, value, kind })
}

/// Settings are texts. Numbers and booleans keep their raw text, lists and mappings become compact JSON.
pub(super) fn configuration(fields: &mut Fields<'_>, findings: &mut Findings) -> Vec<(Text, Text)> {
    let Some(node) = fields.get("configuration") else {
        return Vec::new();
    };
    let Some(entries) = node.map() else {
        findings.error(
            node.place,
            "wrong-type",
            format!("`configuration` must map keys to texts, and this is {}", node.kind()),
        );
        return Vec::new();
    };
    let setting = |(key, node): &(Key, Node)| {
        let name = Text { text: key.text.clone(), place: key.place, known: true };
        Some((name, value(key, node, findings)?))
    };
    entries.iter().filter_map(setting).collect()
}

fn value(key: &Key, node: &Node, findings: &mut Findings) -> Option<Text> {
    let name = quoted(&key.text);
    let text = match &node.value {
        Value::Scalar { text, .. } => text.clone(),
        Value::Null => {
            let message =
                format!("{name} has no value, so it is as if it were absent; give it one or remove it");
            findings.warning(key.place, "configuration-null", message);
            return None;
        }
        Value::List(_) | Value::Map(_) => {
            let message = format!(
                "{name} is {}, and CodePipeline takes only texts; it is passed on as JSON in a text, write it so",
                node.kind()
            );
            findings.warning(node.place, "configuration-not-text", message);
            node.to_json().to_string()
        }
    };
    Some(Text { text, place: node.place, known: !computed(node) })
}

/// Whether a template computes any part of `node`.
fn computed(node: &Node) -> bool {
    tagged(node)
        || match &node.value {
            Value::Null | Value::Scalar { .. } => false,
            Value::List(items) => items.iter().any(computed),
            Value::Map(entries) => entries.iter().any(|(_, node)| computed(node)),
        }
}

/// Reports tags other than YAML's own, which mean something only in a CloudFormation template.
pub(super) fn foreign_tags(node: &Node, findings: &mut Findings) {
    if let Some(tag) = node.tag.as_ref().filter(|_| tagged(node)) {
        let message = format!(
            "{} means nothing in a definition; write the value itself (CloudFormation's functions work only in a template)",
            quoted(tag)
        );
        findings.error(node.place, "foreign-tag", message);
    }
    match &node.value {
        Value::Null | Value::Scalar { .. } => {}
        Value::List(items) => items.iter().for_each(|item| foreign_tags(item, findings)),
        Value::Map(entries) => entries.iter().for_each(|(_, node)| foreign_tags(node, findings)),
    }
}

/// A text that is needed but, where it is absent, has a value of its own.
pub(super) fn text_or(
    fields: &mut Fields<'_>,
    key: &'static str,
    default: &str,
    findings: &mut Findings,
) -> Text {
    let place = fields.place();
    fields
        .get(key)
        .map_or_else(|| Text { text: default.into(), place, known: true }, |node| text(node, key, findings))
}
