//! What `CodePipeline` refuses, one subject a file, and what Penstock says about what a definition leaves out.
//!
//! Each rule reads the draft alone, so that one pass reports everything.

mod artifact;
mod commands;
mod condition;
mod configuration;
mod name;
mod pipeline;
mod provider;
mod reference;
pub(crate) mod source;
mod stage;
mod storage;
mod trigger;

use super::draft::Draft;
use super::findings::Findings;

/// Of what exceeds the limits so far, only that is said: other rules compare everything with everything.
const CHECKED: usize = 2000;

pub(crate) fn check(draft: &Draft, findings: &mut Findings) {
    pipeline::check(draft, findings);
    stage::check(draft, findings);
    let environment = draft.actions().map(|(_, _, action)| action.environment.len()).max().unwrap_or(0);
    if [draft.actions().count(), draft.variables.len(), draft.triggers.len(), environment]
        .iter()
        .any(|count| *count > CHECKED)
    {
        findings.error(
            draft.place,
            "too-many",
            format!("far more than any limit allows; up to {CHECKED} of a kind are checked"),
        );
        return;
    }
    name::check(draft, findings);
    provider::check(draft, findings);
    artifact::check(draft, findings);
    configuration::check(draft, findings);
    source::check(draft, findings);
    commands::check(draft, findings);
    reference::check(draft, findings);
    trigger::check(draft, findings);
    condition::check(draft, findings);
}
