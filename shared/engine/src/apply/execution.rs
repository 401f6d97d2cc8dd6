//! Events on an execution as a whole and on its stages.

use std::sync::Arc;

use penstock_model::id::{ExecutionId, StageName};
use penstock_model::time::Timestamp;

use super::{execution_mut, pipeline_mut, run_mut};
use crate::command::RetryActions;
use crate::state::{Execution, ExecutionStatus, Position, StageRun, StageStatus, State, Stop, TriggerKind};

pub(super) fn admitted(state: &mut State, execution: &Execution) {
    if let Some(pipeline) = pipeline_mut(state) {
        pipeline.next_sequence = pipeline.next_sequence.max(execution.sequence + 1);
        if execution.trigger.kind == TriggerKind::PollForSourceChanges {
            pipeline.polled.clone_from(&execution.overrides);
        } else if !execution.overrides.is_empty() {
            pipeline.polled.clear();
        }
    }
    state.executions.insert(execution.id.clone(), Arc::new(execution.clone()));
}

pub(super) fn stopping(state: &mut State, id: &ExecutionId, stop: &Stop) {
    let Some(execution) = execution_mut(state, id) else {
        return;
    };
    execution.stop = Some(stop.clone());
    execution.status = ExecutionStatus::Stopping;
    if let Position::In { stage } = execution.position.clone()
        && let Some(run) = run_mut(execution, &stage)
    {
        run.status = StageStatus::Stopping;
    }
}

pub(super) fn waiting(state: &mut State, id: &ExecutionId, stage: &StageName, at: Timestamp) {
    let Some(execution) = execution_mut(state, id) else {
        return;
    };
    execution.position = Position::Waiting { stage: stage.clone(), since: at };
}

pub(super) fn entered(state: &mut State, id: &ExecutionId, stage: &StageName, at: Timestamp) {
    if let Some(pipeline) = pipeline_mut(state) {
        pipeline.stages.entry(stage.clone()).or_default().latest = Some(id.clone());
    }
    let Some(execution) = execution_mut(state, id) else {
        return;
    };
    execution.position = Position::In { stage: stage.clone() };
    execution.stages.push(StageRun {
        name: stage.clone(),
        status: StageStatus::InProgress,
        entered_at: at,
        ended_at: None,
        retries: 0,
        actions: [].into(),
    });
}

pub(super) fn retried(state: &mut State, id: &ExecutionId, stage: &StageName, actions: RetryActions) {
    let Some(execution) = execution_mut(state, id) else {
        return;
    };
    execution.status = ExecutionStatus::InProgress;
    execution.position = Position::In { stage: stage.clone() };
    execution.stop = None;
    execution.ended_at = None;
    let Some(run) = run_mut(execution, stage) else {
        return;
    };
    run.status = StageStatus::InProgress;
    run.ended_at = None;
    run.retries += 1;
    for attempt in run.actions.values_mut() {
        attempt.again |= match actions {
            RetryActions::FailedActions => !attempt.has_succeeded(),
            RetryActions::AllActions => true,
        };
    }
}

pub(super) fn stage_ended(
    state: &mut State,
    id: &ExecutionId,
    stage: &StageName,
    status: StageStatus,
    at: Timestamp,
) {
    if status == StageStatus::Succeeded
        && let Some(pipeline) = pipeline_mut(state)
    {
        pipeline.stages.entry(stage.clone()).or_default().last_success = Some(id.clone());
    }
    let Some(run) = execution_mut(state, id).and_then(|execution| run_mut(execution, stage)) else {
        return;
    };
    run.status = status;
    run.ended_at = Some(at);
}

pub(super) fn ended(
    state: &mut State,
    id: &ExecutionId,
    status: ExecutionStatus,
    superseded_by: Option<&ExecutionId>,
    at: Timestamp,
) {
    let Some(execution) = execution_mut(state, id) else {
        return;
    };
    execution.status = status;
    execution.position = Position::Ended;
    execution.ended_at = Some(at);
    execution.superseded_by = superseded_by.cloned();
}
