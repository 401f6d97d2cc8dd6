//! What an event does to the state: total, without choices. Replaying the events gives the stored state.

mod attempt;
mod execution;
mod pipeline;

use std::sync::Arc;

use penstock_model::id::{AttemptId, ExecutionId, StageName};

use crate::event::{Event, Fact};
use crate::state::{Attempt, Execution, PipelineState, StageRun, State};

/// Carries `event` into `state`. It cannot fail; an event about what is not in `state` has no effect.
pub fn apply(state: &mut State, event: &Event) {
    let at = event.at;
    match &event.fact {
        Fact::Defined { pipeline, version, stages } => {
            pipeline::defined(state, pipeline, *version, stages, at);
        }
        Fact::Deleted => pipeline::deleted(state, at),
        Fact::TransitionDisabled { stage, disabled } => pipeline::transition(state, stage, Some(disabled)),
        Fact::TransitionEnabled { stage } => pipeline::transition(state, stage, None),
        Fact::ArtifactsReleased { released } => pipeline::released(state, released),
        Fact::ExecutionAdmitted { execution } => execution::admitted(state, execution),
        Fact::StopRequested { execution, stop, .. } => execution::stopping(state, execution, stop),
        Fact::StageAwaited { execution, stage } => execution::waiting(state, execution, stage, at),
        Fact::StageEntered { execution, stage } => execution::entered(state, execution, stage, at),
        Fact::StageRetried { execution, stage, actions } => {
            execution::retried(state, execution, stage, *actions);
        }
        Fact::StageEnded { execution, stage, status } => {
            execution::stage_ended(state, execution, stage, *status, at);
        }
        Fact::ExecutionEnded { execution, status, superseded_by } => {
            execution::ended(state, execution, *status, superseded_by.as_ref(), at);
        }
        Fact::AttemptScheduled { attempt, deadline, resend_at } => {
            attempt::scheduled(state, attempt, *deadline, *resend_at, at);
        }
        Fact::AttemptStarted { attempt, external, next_check_at, started_at } => {
            let started_at = started_at.map_or(at, |started_at| started_at.min(at));
            attempt::started(state, attempt, external.as_ref(), *next_check_at, started_at);
        }
        Fact::AttemptResent { attempt, resend_at } => attempt::resent(state, attempt, *resend_at),
        Fact::AttemptChecked { attempt, next_check_at } => attempt::checked(state, attempt, *next_check_at),
        Fact::AttemptCancelling { attempt, cancellation, resend_at } => {
            attempt::cancelling(state, attempt, cancellation, *resend_at);
        }
        Fact::CancellationSettled { attempt, .. } => attempt::settled(state, attempt, at),
        Fact::VerdictGiven { attempt, verdict } => attempt::decided(state, attempt, verdict),
        Fact::AttemptSucceeded { attempt, success } => attempt::succeeded(state, attempt, success, at),
        Fact::AttemptFailed { attempt, error, external } => {
            attempt::failed(state, attempt, error, external.as_ref(), at);
        }
        Fact::AttemptAbandoned { attempt } => attempt::abandoned(state, attempt, at),
    }
}

fn pipeline_mut(state: &mut State) -> Option<&mut PipelineState> {
    state.pipeline.as_mut().map(Arc::make_mut)
}

fn execution_mut<'a>(state: &'a mut State, id: &ExecutionId) -> Option<&'a mut Execution> {
    state.executions.get_mut(id).map(Arc::make_mut)
}

fn run_mut<'a>(execution: &'a mut Execution, stage: &StageName) -> Option<&'a mut StageRun> {
    execution.stages.iter_mut().find(|run| run.name == *stage)
}

fn attempt_mut<'a>(state: &'a mut State, id: &AttemptId) -> Option<&'a mut Attempt> {
    let run = run_mut(execution_mut(state, &id.execution)?, &id.stage)?;
    run.actions.get_mut(&id.action).filter(|attempt| attempt.number == id.number)
}
