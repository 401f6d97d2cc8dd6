//! What a definition may say and no release performs yet: refused, so that nobody relies on a gate that is not there.

use penstock_model::diagnostic::{Diagnostic, Place};
use penstock_model::pipeline::{Pipeline, Stage};

/// A refusal for each hook of a stage that would be ignored.
pub(super) fn refuse(pipeline: &Pipeline) -> Vec<Diagnostic> {
    pipeline.stages.iter().flat_map(hooks).collect()
}

fn hooks(stage: &Stage) -> impl Iterator<Item = Diagnostic> {
    let said = [
        ("beforeEntry", &stage.before_entry),
        ("onSuccess", &stage.on_success),
        ("onFailure", &stage.on_failure),
    ];
    let name = stage.name.clone();
    said.into_iter()
        .filter(|(_, hook)| hook.is_some())
        .map(move |(key, _)| {
            let message = format!(
                "`{key}` of stage `{name}` is not performed yet, and leaving it out silently would open a gate; remove it, \
             and use an approval action, or `penstock retry` and `penstock rollback` by hand"
            );
            Diagnostic::error(Place::START, "condition-not-here", message)
        })
}
