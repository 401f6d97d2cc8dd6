//! Reads triggers and their filters.

use super::super::draft::{Filter, Globs, Text, Trigger};
use super::super::fields::Fields;
use super::super::findings::Findings;
use crate::document::Node;

pub(super) fn trigger(node: &Node, findings: &mut Findings) -> Option<Trigger> {
    let mut fields = Fields::of(node, "a trigger", findings)?;
    let mut trigger = Trigger {
        place: node.place,
        provider: fields.required_text("providerType", findings),
        source: Text::unknown(node.place),
        push: Vec::new(),
        pull_request: Vec::new(),
    };
    match fields.get("gitConfiguration") {
        None => fields.missing("gitConfiguration", findings),
        Some(node) => git_configuration(node, &mut trigger, findings),
    }
    fields.finish(findings);
    Some(trigger)
}

fn git_configuration(node: &Node, trigger: &mut Trigger, findings: &mut Findings) {
    let Some(mut fields) = Fields::of(node, "a git configuration", findings) else {
        return;
    };
    trigger.source = fields.required_text("sourceActionName", findings);
    trigger.push = fields.list("push", findings).iter().filter_map(|node| push(node, findings)).collect();
    trigger.pull_request =
        fields.list("pullRequest", findings).iter().filter_map(|node| pull_request(node, findings)).collect();
    fields.finish(findings);
}

fn push(node: &Node, findings: &mut Findings) -> Option<Filter> {
    let mut fields = Fields::of(node, "a push filter", findings)?;
    let filter = Filter {
        place: node.place,
        events: Vec::new(),
        tags: fields.get("tags").and_then(|node| globs(node, findings)),
        branches: fields.get("branches").and_then(|node| globs(node, findings)),
        paths: fields.get("filePaths").and_then(|node| globs(node, findings)),
    };
    fields.finish(findings);
    Some(filter)
}

fn pull_request(node: &Node, findings: &mut Findings) -> Option<Filter> {
    let mut fields = Fields::of(node, "a pull-request filter", findings)?;
    let filter = Filter {
        place: node.place,
        events: fields.texts("events", findings),
        tags: None,
        branches: fields.get("branches").and_then(|node| globs(node, findings)),
        paths: fields.get("filePaths").and_then(|node| globs(node, findings)),
    };
    fields.finish(findings);
    Some(filter)
}

fn globs(node: &Node, findings: &mut Findings) -> Option<Globs> {
    let mut fields = Fields::of(node, "a filter's patterns (`includes`, `excludes`)", findings)?;
    let globs = Globs {
        place: node.place,
        includes: fields.texts("includes", findings),
        excludes: fields.texts("excludes", findings),
    };
    fields.finish(findings);
    Some(globs)
}
