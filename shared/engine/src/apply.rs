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
        Fact::Defined {
            pipeline,
            version,
            stages,
        } => pipeline::defined(state, pipeline, *version, stages, at),
        Fact::Deleted => pipeline::deleted(state, at),
        Fact::TransitionDisabled { stage, disabled } => pipeline::transition(state, stage, Some(disabled)),
        Fact::TransitionEnabled { stage } => pipeline::transition(state, stage, None),
        Fact::ExecutionAdmitted { execution } => execution::admitted(state, execution),
        Fact::StopRequested { execution, stop } => {
            on_execution(state, execution, |it| execution::stopping(it, stop))
        }
        Fact::StageAwaited { execution, stage } => {
            on_execution(state, execution, |it| execution::awaits(it, stage, at))
        }
        Fact::StageEntered { execution, stage } => execution::entered(state, execution, stage, at),
        Fact::StageRetried {
            execution,
            stage,
            actions,
        } => {
            on_execution(state, execution, |it| execution::retried(it, stage, *actions));
        }
        Fact::StageEnded {
            execution,
            stage,
            status,
        } => execution::stage_ended(state, execution, stage, *status, at),
        Fact::ExecutionEnded {
            execution,
            status,
            superseded_by,
        } => {
            on_execution(state, execution, |it| {
                execution::ended(it, *status, superseded_by.as_ref(), at)
            });
        }
        Fact::AttemptScheduled {
            attempt,
            deadline,
            resend_at,
        } => {
            on_execution(state, &attempt.execution, |it| {
                attempt::scheduled(it, attempt, *deadline, *resend_at, at)
            });
        }
        Fact::AttemptStarted {
            attempt,
            external,
            next_check_at,
        } => {
            on_attempt(state, attempt, |it| {
                attempt::started(it, external.as_ref(), *next_check_at, at)
            });
        }
        Fact::AttemptResent { attempt, resend_at } => {
            on_attempt(state, attempt, |it| attempt::resent(it, *resend_at))
        }
        Fact::AttemptChecked {
            attempt,
            next_check_at,
        } => {
            on_attempt(state, attempt, |it| attempt::checked(it, *next_check_at));
        }
        Fact::AttemptCancelling {
            attempt,
            cancellation,
            resend_at,
        } => {
            on_attempt(state, attempt, |it| {
                attempt::cancelling(it, cancellation, *resend_at)
            });
        }
        Fact::CancellationSettled { attempt, .. } => {
            on_attempt(state, attempt, |it| attempt::settled(it, at))
        }
        Fact::VerdictGiven { attempt, verdict } => {
            on_attempt(state, attempt, |it| it.verdict = Some(verdict.clone()));
        }
        Fact::AttemptSucceeded { attempt, success } => {
            on_execution(state, &attempt.execution, |it| {
                attempt::succeeded(it, attempt, success, at)
            });
        }
        Fact::AttemptFailed {
            attempt,
            error,
            external,
        } => {
            on_attempt(state, attempt, |it| {
                attempt::failed(it, error, external.as_ref(), at)
            });
        }
        Fact::AttemptAbandoned { attempt } => {
            on_execution(state, &attempt.execution, |it| {
                attempt::abandoned(it, attempt, at)
            });
        }
    }
}

fn on_pipeline(state: &mut State, change: impl FnOnce(&mut PipelineState)) {
    if let Some(pipeline) = &mut state.pipeline {
        change(Arc::make_mut(pipeline));
    }
}

fn on_execution(state: &mut State, id: &ExecutionId, change: impl FnOnce(&mut Execution)) {
    if let Some(execution) = state.executions.get_mut(id) {
        change(Arc::make_mut(execution));
    }
}

fn on_attempt(state: &mut State, id: &AttemptId, change: impl FnOnce(&mut Attempt)) {
    on_execution(state, &id.execution, |execution| {
        if let Some(attempt) = attempt_mut(execution, id) {
            change(attempt);
        }
    });
}

fn run_mut<'a>(execution: &'a mut Execution, stage: &StageName) -> Option<&'a mut StageRun> {
    execution.stages.iter_mut().find(|run| run.name == *stage)
}

fn attempt_mut<'a>(execution: &'a mut Execution, id: &AttemptId) -> Option<&'a mut Attempt> {
    run_mut(execution, &id.stage)?
        .actions
        .get_mut(&id.action)
        .filter(|attempt| attempt.number == id.number)
}
