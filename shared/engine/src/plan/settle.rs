//! Settles stages whose actions have ended, and moves executions on or ends them.

use penstock_model::id::{ExecutionId, StageName};

use crate::draft::Draft;
use crate::event::Fact;
use crate::state::{Attempt, Execution, ExecutionKind, ExecutionStatus, Position, StageRun, StageStatus};

pub(super) fn settle(draft: &mut Draft<'_>, id: &ExecutionId) {
    while let Some(fact) = draft.execution(id).and_then(|execution| next_step(draft, execution)) {
        if !draft.admits_change(id) {
            return;
        }
        draft.record(fact);
    }
}

fn next_step(draft: &Draft<'_>, execution: &Execution) -> Option<Fact> {
    match &execution.position {
        Position::Ended => None,
        Position::Waiting { .. } => {
            execution.stop.is_some().then(|| ended(execution, ExecutionStatus::Stopped))
        }
        Position::In { stage } => {
            let run = execution.stage(stage)?;
            match run.status {
                StageStatus::InProgress | StageStatus::Stopping => {
                    let status = outcome(draft, execution, run)?;
                    Some(Fact::StageEnded { execution: execution.id.clone(), stage: stage.clone(), status })
                }
                StageStatus::Succeeded | StageStatus::Skipped => Some(after(draft, execution, stage)),
                StageStatus::Failed if execution.stop.is_none() => {
                    Some(ended(execution, ExecutionStatus::Failed))
                }
                StageStatus::Failed | StageStatus::Stopped => {
                    Some(ended(execution, ExecutionStatus::Stopped))
                }
                StageStatus::Cancelled => Some(ended(execution, ExecutionStatus::Cancelled)),
            }
        }
    }
}

/// How the stage ends, once nothing of it runs any more: a failure counts more than a stop.
fn outcome(draft: &Draft<'_>, execution: &Execution, run: &StageRun) -> Option<StageStatus> {
    if run.actions.values().any(Attempt::is_live) {
        return None;
    }
    if run.actions.values().any(|attempt| failed(execution, attempt)) {
        return Some(StageStatus::Failed);
    }
    if execution.stop.is_some() {
        return Some(StageStatus::Stopped);
    }
    let stage = draft.stage(execution, &run.name)?;
    let succeeded = |action| run.actions.get(action).is_some_and(Attempt::has_succeeded);
    stage.actions.iter().all(|action| succeeded(&action.name)).then_some(StageStatus::Succeeded)
}

/// What a stop ended is no failure.
fn failed(execution: &Execution, attempt: &Attempt) -> bool {
    attempt.has_failed() && !(execution.stop.is_some() && attempt.error.is_none())
}

/// What comes after a stage that was passed.
fn after(draft: &Draft<'_>, execution: &Execution, stage: &StageName) -> Fact {
    if execution.stop.is_some() {
        return ended(execution, ExecutionStatus::Stopped);
    }
    match following(draft, execution, stage) {
        Some(stage) => Fact::StageAwaited { execution: execution.id.clone(), stage },
        None => ended(execution, ExecutionStatus::Succeeded),
    }
}

fn following(draft: &Draft<'_>, execution: &Execution, stage: &StageName) -> Option<StageName> {
    match &execution.kind {
        ExecutionKind::Rollback { .. } => None,
        ExecutionKind::Standard => {
            let stages = &draft.definition(execution)?.stages;
            let index = stages.iter().position(|it| it.name == *stage)?;
            Some(stages.get(index + 1)?.name.clone())
        }
    }
}

fn ended(execution: &Execution, status: ExecutionStatus) -> Fact {
    Fact::ExecutionEnded { execution: execution.id.clone(), status, superseded_by: None }
}
