//! Which actions an execution's failure goes back to, read from its records.

use penstock_engine::event::{Event, Fact};
use penstock_engine::state::{AttemptError, ErrorCode, Execution, External};
use penstock_model::id::AttemptId;

use crate::error::AppError;
use crate::port::store::{Record, Store};
use crate::query::records;

/// An action's failure.
pub(super) struct Failure {
    /// The attempt.
    pub(super) id: AttemptId,
    /// Why it failed.
    pub(super) error: AttemptError,
    /// Its page at the provider.
    pub(super) page: Option<String>,
}

/// The actions that failed since their stage was entered or retried last, the first that did first: where actions run in
/// parallel the last ends the execution, which is seldom the one to look at. They are read from the records up to
/// `record`, so that a later retry does not change what is told.
pub(super) async fn behind(
    store: &dyn Store,
    record: &Record,
    execution: &Execution,
) -> Result<Vec<Failure>, AppError> {
    let mut records = records(store, &execution.id, record.version).await?;
    if records.last().is_none_or(|last| last.version < record.version) {
        records.push(record.clone());
    }
    let events: Vec<Event> = records.into_iter().flat_map(|record| record.events).collect();
    Ok(since_entry(&events).iter().filter_map(|event| failure(event, execution)).collect())
}

fn failure(event: &Event, execution: &Execution) -> Option<Failure> {
    let Fact::AttemptFailed { attempt: id, error, external } = &event.fact else {
        return None;
    };
    let page = || {
        let begun = execution.attempt(id).and_then(|attempt| attempt.external.as_ref());
        external.as_ref().and_then(page_of).or_else(|| begun.and_then(page_of))
    };
    (error.code != ErrorCode::Interrupted).then(|| Failure {
        id: id.clone(),
        error: error.clone(),
        page: page(),
    })
}

fn page_of(external: &External) -> Option<String> {
    external.url.clone()
}

/// The events since a stage was entered or retried last.
fn since_entry(events: &[Event]) -> &[Event] {
    let last = events.iter().rposition(|event| is_entry(&event.fact));
    &events[last.unwrap_or_default()..]
}

fn is_entry(fact: &Fact) -> bool {
    matches!(fact, Fact::StageEntered { .. } | Fact::StageRetried { .. })
}
