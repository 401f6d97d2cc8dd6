//! What the state owes the outside, and when time alone will make something due.

use std::sync::Arc;

use penstock_model::id::AttemptId;
use penstock_model::time::Timestamp;

use crate::debt::Debt;
use crate::decide::Decision;
use crate::plan::has_moves;
use crate::state::{Attempt, AttemptStatus, Execution, Position, StageRun, State};

/// Everything that is owed at `now`, as a function of the state alone.
pub fn pending(state: &State, now: Timestamp) -> Vec<Debt> {
    let mut debts: Vec<Debt> =
        state.executions.values().flat_map(|execution| owed_by(execution, now)).collect();
    if is_unplanned(state, now) {
        debts.push(Debt::GoOn);
    }
    debts
}

/// Since when the oldest dispatch or cancellation is owed that nobody has taken up.
pub fn owed_since(state: &State) -> Option<Timestamp> {
    let runs = state.executions.values().filter_map(|execution| latest_run(execution));
    runs.flat_map(|run| run.actions.values()).filter_map(untaken_since).min()
}

fn untaken_since(attempt: &Attempt) -> Option<Timestamp> {
    let dispatch = matches!(attempt.status, AttemptStatus::Scheduled).then_some(attempt.scheduled_at);
    attempt.unsettled().map(|cancellation| cancellation.at).or(dispatch)
}

/// What is owed for one execution at `now`.
fn owed_by(execution: &Execution, now: Timestamp) -> Vec<Debt> {
    let Some(run) = latest_run(execution) else {
        return vec![];
    };
    run.actions
        .iter()
        .filter_map(|(action, attempt)| {
            debt(attempt, now, || execution.attempt_id(&run.name, action, attempt.number))
        })
        .collect()
}

fn debt(attempt: &Attempt, now: Timestamp, id: impl Fn() -> AttemptId) -> Option<Debt> {
    if attempt.unsettled().is_some() {
        return Some(Debt::Cancel { attempt: id() });
    }
    match attempt.status {
        AttemptStatus::Scheduled => Some(Debt::Dispatch { attempt: id() }),
        AttemptStatus::InProgress if attempt.next_check_at.is_some_and(|at| at <= now) => {
            Some(Debt::Observe { attempt: id() })
        }
        AttemptStatus::InProgress
        | AttemptStatus::Succeeded
        | AttemptStatus::Failed
        | AttemptStatus::Abandoned => None,
    }
}

/// What `app` sends once the decision on a command that met the state `before` is committed.
///
/// If nothing changed, or the command was rejected, that is everything owed: an earlier delivery of it may have been
/// lost after its commit. Otherwise only what the decision created or what was due to be sent again.
pub fn to_send(before: &State, decision: &Decision, now: Timestamp) -> Vec<Debt> {
    let after = &decision.state;
    let changed = || {
        let unchanged =
            |it: &Arc<Execution>| before.executions.get(&it.id).is_some_and(|old| Arc::ptr_eq(old, it));
        after.executions.values().filter(move |it| !unchanged(it))
    };
    let mut debts: Vec<Debt> = changed().flat_map(|execution| observed(before, execution)).collect();
    if decision.events.is_empty() || decision.rejection.is_some() {
        debts.extend(after.executions.values().flat_map(|execution| owed_by(execution, now)));
    } else {
        let owed = changed().flat_map(|execution| owed_by(execution, now));
        debts.extend(owed.filter(|debt| is_fresh(before, after, debt, now)));
    }
    debts.extend(decision.unfinished.as_ref().map(|_| Debt::GoOn));
    debts
}

/// The observations that the decision recorded as made, so that sending them is left.
fn observed(before: &State, execution: &Execution) -> Vec<Debt> {
    let Some(run) = latest_run(execution) else {
        return vec![];
    };
    let ids = run.actions.iter().filter(|(_, attempt)| attempt.is_live() && attempt.checks > 0);
    let ids = ids
        .map(|(action, attempt)| (attempt.checks, execution.attempt_id(&run.name, action, attempt.number)));
    ids.filter(|(checks, id)| find(before, id).is_some_and(|earlier| earlier.checks < *checks))
        .map(|(_, attempt)| Debt::Observe { attempt })
        .collect()
}

/// Whether the debt was not owed before, was due to be sent again, or can be paid only now.
fn is_fresh(before: &State, after: &State, debt: &Debt, now: Timestamp) -> bool {
    let (id, cancels) = match debt {
        Debt::Dispatch { attempt } => (attempt, false),
        Debt::Cancel { attempt } => (attempt, true),
        Debt::Observe { .. } | Debt::GoOn => return false,
    };
    let Some(earlier) = find(before, id) else {
        return true;
    };
    let created = cancels != earlier.unsettled().is_some();
    let reachable_now = find(after, id).is_some_and(|later| later.external != earlier.external);
    created || reachable_now || earlier.resend_at.is_some_and(|at| at <= now)
}

fn find<'a>(state: &'a State, id: &AttemptId) -> Option<&'a Attempt> {
    state.executions.get(&id.execution)?.attempt(id)
}

/// When time alone makes something due for the execution: a deadline, a repetition, an observation or a grace's end.
/// In the past if something is due already.
pub fn next_due(execution: &Execution) -> Option<Timestamp> {
    let attempts = latest_run(execution).into_iter().flat_map(|run| run.actions.values());
    let due = attempts.filter_map(attempt_due).min();
    if is_stuck(execution) {
        Some(due.map_or(execution.started_at, |at| at.min(execution.started_at)))
    } else {
        due
    }
}

fn attempt_due(attempt: &Attempt) -> Option<Timestamp> {
    let end = match attempt.unsettled() {
        Some(cancellation) => cancellation.grace,
        None if attempt.is_live() => attempt.deadline,
        None => return None,
    };
    [Some(end), attempt.resend_at, attempt.next_check_at].into_iter().flatten().min()
}

/// Whether the execution has not ended or anything is owed for it.
pub fn is_open(execution: &Execution) -> bool {
    !execution.status.is_terminal()
        || latest_run(execution).is_some_and(|run| run.actions.values().any(|it| it.unsettled().is_some()))
}

/// Whether planning has left something undone, which only happens at its limit of changed items.
fn is_unplanned(state: &State, now: Timestamp) -> bool {
    let overdue =
        |execution: &Execution| is_open(execution) && next_due(execution).is_some_and(|at| at <= now);
    state.executions.values().any(|execution| overdue(execution) || is_stuck(execution)) || has_moves(state)
}

/// Whether only planning moves the execution: nothing of it is with a worker, a person or another execution.
fn is_stuck(execution: &Execution) -> bool {
    match &execution.position {
        Position::Ended => false,
        Position::Waiting { .. } => execution.stop.is_some(),
        Position::In { .. } => {
            !execution.current().is_some_and(|run| run.actions.values().any(Attempt::is_live))
        }
    }
}

/// The latest run: an execution only leaves a stage once everything there has ended, or by ending itself.
fn latest_run(execution: &Execution) -> Option<&StageRun> {
    execution.stages.last()
}
