//! Which action an execution's failure goes back to, read from its records.

use penstock_engine::event::{Event, Fact};
use penstock_engine::state::{AttemptError, INTERRUPTED};
use penstock_model::id::{AttemptId, ExecutionId};

use crate::error::AppError;
use crate::port::store::{Record, Store};
use crate::query::records;

/// The first action that failed, and why. It is read from the records up to `record`, so that a later retry does not
/// change what is told.
pub(super) async fn behind(
    store: &dyn Store,
    record: &Record,
    execution: &ExecutionId,
) -> Result<Option<(AttemptId, AttemptError)>, AppError> {
    if let Some(failure) = first(&record.events) {
        return Ok(Some(failure));
    }
    let earlier = records(store, execution, record.version).await?;
    let events: Vec<Event> = earlier.into_iter().flat_map(|record| record.events).collect();
    Ok(first(since_entry(&events)))
}

fn first(events: &[Event]) -> Option<(AttemptId, AttemptError)> {
    events.iter().find_map(|event| {
        let Fact::AttemptFailed { attempt, error, .. } = &event.fact else {
            return None;
        };
        (error.code != INTERRUPTED).then(|| (attempt.clone(), error.clone()))
    })
}

/// The events since a stage was entered or retried last.
fn since_entry(events: &[Event]) -> &[Event] {
    let last = events.iter().rposition(|event| is_entry(&event.fact));
    &events[last.unwrap_or_default()..]
}

fn is_entry(fact: &Fact) -> bool {
    matches!(fact, Fact::StageEntered { .. } | Fact::StageRetried { .. })
}
