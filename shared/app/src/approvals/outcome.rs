//! What became of an approval, in words.

use penstock_engine::state::{Attempt, AttemptStatus, State};
use penstock_model::id::AttemptId;
use penstock_model::time::Timestamp;

/// What became of the approval `attempt`, in words; `None` while it waits for a verdict at `now`.
pub(crate) fn became(state: &State, attempt: &AttemptId, now: Timestamp) -> Option<String> {
    let latest = state
        .executions
        .get(&attempt.execution)
        .and_then(|execution| execution.stage(&attempt.stage))
        .and_then(|run| run.actions.get(&attempt.action));
    let Some(latest) = latest else {
        return Some("its execution never asked for it".to_owned());
    };
    if latest.number != attempt.number {
        return Some("the stage was run again since; a newer link was sent".to_owned());
    }
    settled(latest, now)
}

fn settled(attempt: &Attempt, now: Timestamp) -> Option<String> {
    if let Some(verdict) = &attempt.verdict {
        return Some(verdict.in_words());
    }
    match attempt.status {
        AttemptStatus::Scheduled | AttemptStatus::InProgress => {
            (attempt.deadline <= now).then(|| format!("it expired at {}", attempt.deadline))
        }
        AttemptStatus::Succeeded => Some("it succeeded without a verdict".to_owned()),
        AttemptStatus::Failed => {
            Some(attempt.error.as_ref().map_or("it failed".to_owned(), |error| error.message.clone()))
        }
        AttemptStatus::Abandoned => {
            Some(attempt.summary.clone().unwrap_or_else(|| "its execution was stopped".to_owned()))
        }
    }
}
