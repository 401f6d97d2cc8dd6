//! Which executions of a pipeline are needed no more.

use std::collections::{BTreeMap, BTreeSet};

use penstock_engine::state::PipelineState;
use penstock_model::id::{ExecutionId, StageName};

use super::TARGETS;
use super::holding::Held;

/// The admission number below which executions are released, and those before it that are kept.
pub(super) fn release(state: &PipelineState, executions: &[Held]) -> (u64, BTreeMap<ExecutionId, u64>) {
    let needed = needed(state, executions);
    let needless = executions.iter().filter(|it| !needed.contains(&it.id));
    let newest = needless.map(|it| it.sequence + 1).max();
    let below = newest.unwrap_or(0).max(state.released.below);
    let kept = executions.iter().filter(|it| needed.contains(&it.id) && it.sequence < below);
    (below, kept.map(|it| (it.id.clone(), it.sequence)).collect())
}

fn needed<'a>(state: &'a PipelineState, executions: &'a [Held]) -> BTreeSet<&'a ExecutionId> {
    let mut needed: BTreeSet<&ExecutionId> =
        executions.iter().filter(|it| it.is_current).map(|it| &it.id).collect();
    for stage in state.stages.values() {
        // A failure in the latest may be retried, the last success is what a stage shows.
        needed.extend(stage.latest.iter().chain(&stage.last_success));
    }
    if !state.deleted {
        needed.extend(targets(executions));
    }
    // Whoever rolls back once more does so to what was brought back.
    let brought_back =
        executions.iter().filter(|it| needed.contains(&it.id)).filter_map(|it| it.target.as_ref());
    let brought_back: Vec<&ExecutionId> = brought_back.collect();
    needed.extend(brought_back);
    needed
}

/// The latest successes of each stage.
fn targets(executions: &[Held]) -> Vec<&ExecutionId> {
    let mut newest_first: Vec<&Held> = executions.iter().collect();
    newest_first.sort_by_key(|it| std::cmp::Reverse(it.sequence));
    let mut counts: BTreeMap<&StageName, usize> = BTreeMap::new();
    let mut found = vec![];
    for held in newest_first {
        for stage in &held.successes {
            let count = counts.entry(stage).or_default();
            *count += 1;
            if *count <= TARGETS {
                found.push(&held.id);
            }
        }
    }
    found
}
