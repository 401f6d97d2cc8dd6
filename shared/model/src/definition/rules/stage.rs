//! How stages and actions are arranged: counts, the source stage, unique names, run orders.

use std::collections::HashSet;

use crate::definition::draft::{Action, Draft, Stage, Text};
use crate::definition::findings::{Findings, quoted};
use crate::pipeline::Category;

/// Stages a pipeline (`CodePipeline` quotas).
const STAGES: std::ops::RangeInclusive<usize> = 2..=50;
/// Actions a stage (`CodePipeline` quotas).
const MAX_STAGE_ACTIONS: usize = 50;
/// Actions a pipeline (`CodePipeline` quotas).
const MAX_PIPELINE_ACTIONS: usize = 500;
const MAX_RUN_ORDER: i64 = 999;

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    check_counts(draft, findings);
    unique(
        draft.stages.iter().map(|stage| &stage.name),
        "duplicate-stage",
        "a stage of this pipeline",
        findings,
    );
    for (index, stage) in draft.stages.iter().enumerate() {
        check_stage(stage, findings);
        stage.actions.iter().for_each(|action| check_category(index, stage, action, findings));
    }
}

fn check_counts(draft: &Draft, findings: &mut Findings) {
    let stages = draft.stages.len();
    if draft.has_stages && !STAGES.contains(&stages) {
        let place = draft.stages.get(50).or(draft.stages.first()).map_or(draft.place, |stage| stage.place);
        let message = format!(
            "a pipeline has 2 to 50 stages, a source stage first, and this has {stages}; add or join stages"
        );
        findings.error(place, "stage-count", message);
    }
    let actions: usize = draft.stages.iter().map(|stage| stage.actions.len()).sum();
    if actions > MAX_PIPELINE_ACTIONS {
        let message =
            format!("{actions} actions in the pipeline, and {MAX_PIPELINE_ACTIONS} are allowed; split it");
        findings.error(draft.place, "action-count", message);
    }
}

fn check_stage(stage: &Stage, findings: &mut Findings) {
    let actions = stage.actions.len();
    let name = quoted(&stage.name.text);
    if actions == 0 {
        findings.error(
            stage.place,
            "action-count",
            format!("stage {name} has no action; add one to `actions`"),
        );
    }
    if actions > MAX_STAGE_ACTIONS {
        let message =
            format!("stage {name} has {actions} actions, and {MAX_STAGE_ACTIONS} are allowed; split it");
        findings.error(stage.place, "action-count", message);
    }
    unique(
        stage.actions.iter().map(|action| &action.name),
        "duplicate-action",
        "an action of this stage",
        findings,
    );
    for order in stage.actions.iter().filter_map(|action| action.run_order) {
        if !(1..=MAX_RUN_ORDER).contains(&order.value) {
            let message = format!("`runOrder` is a number from 1 to {MAX_RUN_ORDER}, not {}", order.value);
            findings.error(order.place, "run-order", message);
        }
    }
}

fn check_category(index: usize, stage: &Stage, action: &Action, findings: &mut Findings) {
    let Some(category) = action.kind.category else {
        return;
    };
    let (name, stage) = (quoted(&action.name.text), quoted(&stage.name.text));
    if index == 0 && category != Category::Source {
        let message =
            format!("the first stage {stage} may have only Source actions; move {name} to a later stage");
        findings.error(action.place, "source-stage", message);
    }
    if index > 0 && category == Category::Source {
        let message = format!("Source actions stand only in the first stage; move {name} there from {stage}");
        findings.error(action.place, "source-stage", message);
    }
}

/// Reports each name that stands twice.
pub(super) fn unique<'a>(
    names: impl Iterator<Item = &'a Text>,
    code: &str,
    what: &str,
    findings: &mut Findings,
) {
    let mut seen = HashSet::new();
    for name in names.filter(|name| name.known) {
        if !seen.insert(&name.text) {
            let message = format!("{} is already the name of {what}; rename one", quoted(&name.text));
            findings.error(name.place, code, message);
        }
    }
}
