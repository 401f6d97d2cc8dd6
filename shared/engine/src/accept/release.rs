//! Lets the artifacts of old executions be removed.
//!
//! What needs artifacts later (a rollback, a retry) is admitted by a write of the pipeline's item, as this is: whichever
//! comes second meets the other. Artifacts are removed only after this, so none that is needed ever is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use penstock_model::id::{ExecutionId, PipelineName};
use penstock_model::time::Timestamp;

use crate::draft::Draft;
use crate::event::Fact;
use crate::pending::is_open;
use crate::rejection::Rejection;
use crate::state::{ExecutionKind, Released, State};

/// For how long a plan holds: a message that was stuck for longer names what may be needed by now.
const FRESH: Duration = Duration::from_secs(3600);

/// Also of a pipeline that was deleted.
pub(super) fn release(
    draft: &mut Draft<'_>,
    name: &PipelineName,
    below: u64,
    keep: &BTreeMap<ExecutionId, u64>,
    planned_at: Timestamp,
) -> Result<(), Rejection> {
    let not_found = || Rejection::PipelineNotFound { pipeline: name.clone() };
    let pipeline = draft.state.pipeline.as_deref().ok_or_else(not_found)?;
    if draft.now.since(planned_at) > FRESH {
        return Ok(());
    }
    let before = &pipeline.released;
    let below = below.min(pipeline.next_sequence).max(before.below);
    let wanted = keep.iter().filter(|(id, sequence)| **sequence < below && !before.contains(id, **sequence));
    let mut kept: BTreeSet<ExecutionId> = wanted.map(|(id, _)| id.clone()).collect();
    kept.extend(needed(&draft.state, below));
    let released = Released { below, kept };
    if released != *before {
        draft.record(Fact::ArtifactsReleased { released });
    }
    Ok(())
}

/// The executions before `below` that the state itself shows to be needed: open ones, stages' last successes, and what
/// their rollbacks bring back.
fn needed(state: &State, below: u64) -> impl Iterator<Item = ExecutionId> {
    let stages = state.pipeline.iter().flat_map(|pipeline| pipeline.stages.values());
    let successes: BTreeSet<&ExecutionId> = stages.filter_map(|stage| stage.last_success.as_ref()).collect();
    let holders = state.executions.values().filter(move |it| is_open(it) || successes.contains(&it.id));
    holders.flat_map(move |it| {
        let own = (it.sequence < below).then(|| it.id.clone());
        let target = match &it.kind {
            ExecutionKind::Standard => None,
            // Its admission number is known only if it is at hand; to keep one too many does no harm.
            ExecutionKind::Rollback { target, .. } => {
                state.executions.get(target).is_none_or(|it| it.sequence < below).then(|| target.clone())
            }
        };
        own.into_iter().chain(target)
    })
}
