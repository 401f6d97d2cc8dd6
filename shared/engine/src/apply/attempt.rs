//! Events on an attempt.

use penstock_model::id::AttemptId;
use penstock_model::time::Timestamp;

use super::{attempt_mut, execution_mut, run_mut};
use crate::command::Success;
use crate::state::{Attempt, AttemptError, AttemptStatus, Cancellation, ErrorCode, External, State, Verdict};

pub(super) fn scheduled(
    state: &mut State,
    id: &AttemptId,
    deadline: Timestamp,
    resend_at: Option<Timestamp>,
    at: Timestamp,
) {
    let Some(run) = execution_mut(state, &id.execution).and_then(|it| run_mut(it, &id.stage)) else {
        return;
    };
    let attempt = Attempt {
        number: id.number,
        status: AttemptStatus::Scheduled,
        scheduled_at: at,
        started_at: None,
        ended_at: None,
        external: None,
        summary: None,
        error: None,
        artifacts: vec![],
        has_variables: false,
        verdict: None,
        deadline,
        cancellation: None,
        resend_at,
        resends: 0,
        next_check_at: None,
        checks: 0,
        again: false,
    };
    run.actions.insert(id.action.clone(), attempt);
}

/// A late start of work that is being cancelled only tells how to reach it.
pub(super) fn started(
    state: &mut State,
    id: &AttemptId,
    external: Option<&External>,
    next_check_at: Option<Timestamp>,
    at: Timestamp,
) {
    let Some(attempt) = attempt_mut(state, id) else {
        return;
    };
    attempt.external = external.cloned().or(attempt.external.take());
    attempt.started_at.get_or_insert(at.max(attempt.scheduled_at));
    if attempt.status == AttemptStatus::Scheduled {
        attempt.status = AttemptStatus::InProgress;
    }
    if attempt.unsettled().is_none() {
        attempt.resend_at = None;
        attempt.resends = 0;
        attempt.next_check_at = next_check_at;
    }
}

pub(super) fn resent(state: &mut State, id: &AttemptId, resend_at: Timestamp) {
    let Some(attempt) = attempt_mut(state, id) else {
        return;
    };
    attempt.resend_at = Some(resend_at);
    attempt.resends += 1;
}

pub(super) fn checked(state: &mut State, id: &AttemptId, next_check_at: Timestamp) {
    let Some(attempt) = attempt_mut(state, id) else {
        return;
    };
    attempt.next_check_at = Some(next_check_at);
    attempt.checks += 1;
}

pub(super) fn cancelling(
    state: &mut State,
    id: &AttemptId,
    cancellation: &Cancellation,
    resend_at: Option<Timestamp>,
) {
    let Some(attempt) = attempt_mut(state, id) else {
        return;
    };
    attempt.cancellation = Some(cancellation.clone());
    attempt.resend_at = resend_at;
    attempt.resends = 0;
    attempt.next_check_at = None;
}

pub(super) fn settled(state: &mut State, id: &AttemptId, at: Timestamp) {
    let Some(attempt) = attempt_mut(state, id) else {
        return;
    };
    if let Some(cancellation) = &mut attempt.cancellation {
        cancellation.settled_at = Some(at);
    }
    attempt.resend_at = None;
}

pub(super) fn decided(state: &mut State, id: &AttemptId, verdict: &Verdict) {
    let Some(attempt) = attempt_mut(state, id) else {
        return;
    };
    attempt.verdict = Some(verdict.clone());
}

pub(super) fn succeeded(state: &mut State, id: &AttemptId, success: &Success, at: Timestamp) {
    let Some(attempt) = attempt_mut(state, id) else {
        return;
    };
    attempt.started_at = attempt.started_at.or(success.started_at);
    attempt.external = success.external.clone().or(attempt.external.take());
    attempt.summary.clone_from(&success.summary);
    attempt.artifacts.clone_from(&success.artifacts);
    attempt.has_variables = success.has_variables;
    end(attempt, AttemptStatus::Succeeded, at);
    if let (Some(revision), Some(execution)) = (&success.revision, execution_mut(state, &id.execution)) {
        execution.revisions.insert(id.action.clone(), revision.clone());
    }
}

/// An interrupted attempt is no failure of its action: another try is asked for at once.
pub(super) fn failed(
    state: &mut State,
    id: &AttemptId,
    error: &AttemptError,
    external: Option<&External>,
    at: Timestamp,
) {
    let Some(attempt) = attempt_mut(state, id) else {
        return;
    };
    attempt.external = external.cloned().or(attempt.external.take());
    attempt.error = Some(error.clone());
    attempt.again = error.code == ErrorCode::Interrupted;
    end(attempt, AttemptStatus::Failed, at);
}

pub(super) fn abandoned(state: &mut State, id: &AttemptId, at: Timestamp) {
    let stop = state.executions.get(&id.execution).and_then(|execution| execution.stop.as_ref());
    let summary = stop.map(|stop| format!("stopped {}", stop.in_words()));
    let Some(attempt) = attempt_mut(state, id) else {
        return;
    };
    attempt.summary = summary;
    end(attempt, AttemptStatus::Abandoned, at);
}

fn end(attempt: &mut Attempt, status: AttemptStatus, at: Timestamp) {
    attempt.status = status;
    attempt.ended_at = Some(at);
    attempt.next_check_at = None;
    if attempt.unsettled().is_none() {
        attempt.resend_at = None;
    }
}
