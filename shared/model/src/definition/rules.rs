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
mod source;
mod stage;
mod trigger;

use super::draft::Draft;
use super::findings::Findings;

pub(crate) fn check(draft: &Draft, findings: &mut Findings) {
    name::check(draft, findings);
    pipeline::check(draft, findings);
    stage::check(draft, findings);
    provider::check(draft, findings);
    artifact::check(draft, findings);
    configuration::check(draft, findings);
    source::check(draft, findings);
    commands::check(draft, findings);
    reference::check(draft, findings);
    trigger::check(draft, findings);
    condition::check(draft, findings);
}
