//! A stage that failed or was stopped runs again, in the same execution.

use penstock_model::id::{ExecutionId, PipelineName, StageName};
use penstock_model::pipeline::ExecutionMode;

use super::admit::has_room;
use super::{execution, existing};
use crate::command::RetryActions;
use crate::draft::Draft;
use crate::event::Fact;
use crate::plan::occupant;
use crate::rejection::Rejection;
use crate::state::{AttemptStatus, Execution, StageRun, StageStatus};

pub(super) fn retry(
    draft: &mut Draft<'_>,
    name: &PipelineName,
    id: &ExecutionId,
    stage: &StageName,
    actions: RetryActions,
) -> Result<(), Rejection> {
    let pipeline = existing(draft, name)?;
    let execution = execution(draft, id)?;
    let run = execution.stage(stage).ok_or_else(|| never_entered(draft, execution, stage))?;
    let refused = |reason: String| Rejection::NotRetryable { stage: stage.clone(), reason };
    check_ended(execution, run).map_err(refused)?;
    if pipeline.released.contains(id, execution.sequence) {
        return Err(refused(format!(
            "the artifacts of execution {id} have been cleaned up; start its commit anew"
        )));
    }
    if execution.mode != ExecutionMode::Parallel {
        check_latest(draft, execution, stage)?;
    }
    has_room(draft, execution.mode)?;
    draft.record(Fact::StageRetried { execution: id.clone(), stage: stage.clone(), actions });
    Ok(())
}

fn never_entered(draft: &Draft<'_>, execution: &Execution, stage: &StageName) -> Rejection {
    if draft.stage(execution, stage).is_none() {
        return Rejection::StageNotFound { stage: stage.clone() };
    }
    let reason = format!("execution {} has not entered it", execution.id);
    Rejection::NotRetryable { stage: stage.clone(), reason }
}

fn check_ended(execution: &Execution, run: &StageRun) -> Result<(), String> {
    let id = &execution.id;
    if !execution.status.is_terminal() {
        return Err(match running(run) {
            Some(running) => format!(
                "{running} still runs there in execution {id}; retry the stage once it has ended, or stop the execution"
            ),
            None => format!("execution {id} is under way; wait for its end"),
        });
    }
    match run.status {
        StageStatus::Failed | StageStatus::Stopped => {}
        StageStatus::InProgress
        | StageStatus::Stopping
        | StageStatus::Succeeded
        | StageStatus::Cancelled
        | StageStatus::Skipped => return Err(format!("it did not fail in execution {id}")),
    }
    if run.actions.values().any(|attempt| attempt.unsettled().is_some()) {
        return Err(format!("abandoned work of execution {id} may still be running; wait for its end"));
    }
    Ok(())
}

/// What still runs of a stage in which something has failed.
fn running(run: &StageRun) -> Option<String> {
    let failed = run.actions.values().any(|attempt| attempt.status == AttemptStatus::Failed);
    let running = run.actions.iter().filter(|(_, attempt)| !attempt.status.is_terminal());
    let names: Vec<String> = running.map(|(name, _)| format!("`{name}`")).collect();
    (failed && !names.is_empty()).then(|| names.join(" and "))
}

fn check_latest(draft: &Draft<'_>, execution: &Execution, stage: &StageName) -> Result<(), Rejection> {
    let state = draft.state.pipeline.as_ref().and_then(|pipeline| pipeline.stages.get(stage));
    let latest = state.and_then(|state| state.latest.as_ref()).filter(|latest| **latest != execution.id);
    let latest = latest.or_else(|| occupant(&draft.state, stage).map(|other| &other.id));
    match latest {
        Some(latest) => Err(Rejection::NotLatest { stage: stage.clone(), latest: latest.clone() }),
        None => Ok(()),
    }
}
