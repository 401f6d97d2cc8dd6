//! Namespaces, and references to variables: who defines them and whether that has ended by then.

use std::collections::BTreeMap;

use super::commands;
use crate::definition::draft::{Action, Draft, Hook, Position, Text};
use crate::definition::findings::{Findings, quoted};
use crate::variable::{PIPELINE_NAMESPACE, Reference, SERVICE_KEYS, SERVICE_NAMESPACE, Segment, segments};

/// What a reference can mean in this pipeline.
struct Scope<'a> {
    draft: &'a Draft,
    namespaces: BTreeMap<&'a str, (Position, &'a Action)>,
    /// Whether a template computes a namespace, so that an unknown one may exist.
    open: bool,
}

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    let scope = scope(draft, findings);
    for (position, _, action) in draft.actions() {
        for text in texts(action) {
            scope.check(text, position, findings);
        }
    }
    for (index, stage) in draft.stages.iter().enumerate() {
        let before = Position::before(index);
        let after = Position::after(index);
        scope.check_hook(stage.before_entry.as_ref(), before, findings);
        scope.check_hook(stage.on_success.as_ref(), after, findings);
        scope.check_hook(stage.on_failure.as_ref(), after, findings);
    }
}

fn texts(action: &Action) -> impl Iterator<Item = &Text> {
    let settings = action.configuration.iter().map(|(_, value)| value);
    settings.chain(&action.commands).chain(action.environment.iter().map(|variable| &variable.value))
}

fn scope<'a>(draft: &'a Draft, findings: &mut Findings) -> Scope<'a> {
    let mut scope = Scope { draft, namespaces: BTreeMap::new(), open: false };
    for (position, _, action) in draft.actions() {
        let Some(namespace) = &action.namespace else {
            continue;
        };
        scope.open |= !namespace.known;
        if namespace.known {
            check_namespace(draft, namespace, &scope.namespaces, findings);
        }
        scope.namespaces.entry(&namespace.text).or_insert((position, action));
    }
    scope
}

fn check_namespace(
    draft: &Draft,
    namespace: &Text,
    taken: &BTreeMap<&str, (Position, &Action)>,
    findings: &mut Findings,
) {
    let name = quoted(&namespace.text);
    if let Some((_, other)) = taken.get(namespace.text.as_str()) {
        let message = format!(
            "the namespace {name} is taken already by the action {}; choose another",
            quoted(&other.name.text)
        );
        findings.error(namespace.place, "duplicate-namespace", message);
    }
    if [PIPELINE_NAMESPACE, SERVICE_NAMESPACE].contains(&namespace.text.as_str()) {
        let message =
            format!("the namespace {name} is reserved for the pipeline's own variables; choose another");
        findings.error(namespace.place, "reserved-namespace", message);
    }
    let artifact = |action: &Action| action.outputs.iter().any(|output| output.name.text == namespace.text);
    if draft.actions().any(|(_, _, action)| artifact(action)) {
        let message = format!("the namespace {name} is also the name of an artifact; rename one");
        findings.error(namespace.place, "namespace-is-artifact", message);
    }
}

impl Scope<'_> {
    fn check_hook(&self, hook: Option<&Hook>, position: Position, findings: &mut Findings) {
        let rules = hook.into_iter().flat_map(|hook| &hook.conditions).flat_map(|condition| &condition.rules);
        for rule in rules {
            for (_, value) in &rule.configuration {
                self.check(value, position, findings);
            }
            rule.commands.iter().for_each(|command| self.check(command, position, findings));
            commands::check_commands(&rule.commands, findings);
        }
    }

    fn check(&self, text: &Text, position: Position, findings: &mut Findings) {
        if !text.known {
            return;
        }
        match segments(&text.text) {
            Err(malformed) => findings.error(text.place, "malformed-reference", malformed.to_string()),
            Ok(segments) => {
                for segment in segments {
                    if let Segment::Reference(reference) = segment {
                        self.check_reference(reference, text, position, findings);
                    }
                }
            }
        }
    }

    fn check_reference(
        &self,
        reference: Reference<'_>,
        text: &Text,
        position: Position,
        findings: &mut Findings,
    ) {
        match reference.namespace {
            PIPELINE_NAMESPACE => self.check_declared(reference.key, text, findings),
            SERVICE_NAMESPACE => {
                if !SERVICE_KEYS.contains(&reference.key) {
                    let message = format!(
                        "the service provides only #{{codepipeline.PipelineExecutionId}}, not {}",
                        quoted(reference.key)
                    );
                    findings.error(text.place, "unknown-variable", message);
                }
            }
            namespace => match self.namespaces.get(namespace) {
                Some((producer, action)) => {
                    check_producer(reference, text, position, *producer, action, findings);
                }
                None if self.open => {}
                None => {
                    let hint = findings
                        .suggestion(namespace, self.namespaces.keys().copied().chain([PIPELINE_NAMESPACE]));
                    let message = format!(
                        "no action has the namespace {}{hint}; set `namespace` at the action that provides `{}`",
                        quoted(namespace),
                        reference.key
                    );
                    findings.error(text.place, "unknown-namespace", message);
                }
            },
        }
    }

    fn check_declared(&self, key: &str, text: &Text, findings: &mut Findings) {
        let names = || self.draft.variables.iter().map(|variable| variable.name.text.as_str());
        let open = self.draft.variables.iter().any(|variable| !variable.name.known);
        if !open && !names().any(|name| name == key) {
            let hint = findings.suggestion(key, names());
            let message =
                format!("the pipeline declares no variable {}{hint}; add it to `variables`", quoted(key));
            findings.error(text.place, "undeclared-variable", message);
        }
    }
}

fn check_producer(
    reference: Reference<'_>,
    text: &Text,
    position: Position,
    producer: Position,
    action: &Action,
    findings: &mut Findings,
) {
    if !producer.precedes(position) {
        let message = format!(
            "#{{{}.{}}} comes from the action {}, which has not ended by then; refer to it in a later stage or with a higher runOrder",
            reference.namespace,
            reference.key,
            quoted(&action.name.text)
        );
        findings.error(text.place, "variable-order", message);
    }
    let hint = match keys(action) {
        Some(keys) if !keys.contains(&reference.key) => {
            findings.suggestion(reference.key, keys.iter().copied())
        }
        Some(_) | None => return,
    };
    let message = format!(
        "the action {} provides no variable {}{hint}; it would fail when it is used",
        quoted(&action.name.text),
        quoted(reference.key)
    );
    findings.warning(text.place, "unknown-output-variable", message);
}

/// The variables that an action provides, where that is fixed.
fn keys(action: &Action) -> Option<Vec<&str>> {
    let provider = action.provider()?;
    if provider.name == "Commands" && action.output_variables.iter().all(|name| name.known) {
        return Some(action.output_variables.iter().map(|name| name.text.as_str()).collect());
    }
    provider.variables.map(<[&str]>::to_vec)
}
