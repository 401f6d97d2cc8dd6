//! Artifacts are produced once, and before they are consumed.

use std::collections::{BTreeMap, HashSet};

use crate::definition::draft::{Action, Draft, Position, Stage, Text};
use crate::definition::findings::{Findings, quoted};

/// Who produces an artifact, and whether that has ended for whoever asks depends on the position.
struct Producer<'a> {
    position: Position,
    stage: &'a str,
    action: &'a str,
}

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    let producers = producers(draft, findings);
    let open = draft.actions().any(|(_, _, action)| action.outputs.iter().any(|output| !output.name.known));
    for (position, _, action) in draft.actions() {
        check_repeated(&action.inputs, findings);
        for input in &action.inputs {
            match producers.get(input.text.as_str()) {
                Some(producer) => check_order(input, position, producer, findings),
                None if open || !input.known => {}
                None => not_produced(input, &producers, findings),
            }
        }
    }
    check_rules(draft, open, &producers, findings);
}

fn producers<'a>(draft: &'a Draft, findings: &mut Findings) -> BTreeMap<&'a str, Producer<'a>> {
    let mut producers: BTreeMap<&str, Producer<'_>> = BTreeMap::new();
    for (position, stage, action) in draft.actions() {
        for name in action.outputs.iter().map(|output| &output.name) {
            if name.text.is_empty() {
                continue;
            }
            match producers.get(name.text.as_str()) {
                Some(first) if name.known => {
                    let message = format!(
                        "the artifact {} is produced already by {} in stage {}; an artifact has one producer, rename one",
                        quoted(&name.text),
                        quoted(first.action),
                        quoted(first.stage)
                    );
                    findings.error(name.place, "artifact-produced-twice", message);
                }
                Some(_) => {}
                None => {
                    producers.insert(&name.text, producer(position, stage, action));
                }
            }
        }
    }
    producers
}

fn producer<'a>(position: Position, stage: &'a Stage, action: &'a Action) -> Producer<'a> {
    Producer { position, stage: &stage.name.text, action: &action.name.text }
}

fn check_order(input: &Text, position: Position, producer: &Producer<'_>, findings: &mut Findings) {
    if !producer.position.precedes(position) {
        let message = format!(
            "the artifact {} is produced by {} in stage {}, which has not ended by then; consume it in a later stage or with a higher runOrder",
            quoted(&input.text),
            quoted(producer.action),
            quoted(producer.stage)
        );
        findings.error(input.place, "artifact-not-yet-produced", message);
    }
}

fn not_produced(input: &Text, producers: &BTreeMap<&str, Producer<'_>>, findings: &mut Findings) {
    let hint = findings.suggestion(&input.text, producers.keys().copied());
    let message = format!(
        "no action produces the artifact {}{hint}; add it to an earlier action's `outputArtifacts`",
        quoted(&input.text)
    );
    findings.error(input.place, "artifact-not-produced", message);
}

fn check_repeated(inputs: &[Text], findings: &mut Findings) {
    let mut seen = HashSet::new();
    for input in inputs.iter().filter(|input| input.known) {
        if !seen.insert(&input.text) {
            let message = format!(
                "the artifact {} is consumed twice by this action; name it once",
                quoted(&input.text)
            );
            findings.error(input.place, "artifact-consumed-twice", message);
        }
    }
}

/// The rules of a stage's conditions consume what earlier stages produced, after the stage also what it produced.
fn check_rules(draft: &Draft, open: bool, producers: &BTreeMap<&str, Producer<'_>>, findings: &mut Findings) {
    for (index, stage) in draft.stages.iter().enumerate() {
        let before = Position::before(index);
        let after = Position::after(index);
        let hooks = [(&stage.before_entry, before), (&stage.on_success, after), (&stage.on_failure, after)];
        for (hook, position) in hooks {
            let rules = hook.iter().flat_map(|hook| &hook.conditions).flat_map(|condition| &condition.rules);
            for input in rules.flat_map(|rule| &rule.inputs) {
                match producers.get(input.text.as_str()) {
                    Some(producer) => check_order(input, position, producer, findings),
                    None if open || !input.known => {}
                    None => not_produced(input, producers, findings),
                }
            }
        }
    }
}
