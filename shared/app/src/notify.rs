//! Tells people and other systems what the records say, by reacting to them: a failing e-mail never holds up a
//! delivery. The same record told again gives the same notices.
//!
//! Telling is at least once: who was told of a record is remembered where [`Notify::with_told`] says, so that telling
//! again those who were not told yet, tells the others again only if the process ended in between.

use std::collections::BTreeSet;
use std::sync::Arc;

use penstock_engine::state::Execution;
use penstock_model::pipeline::Pipeline;

use crate::approvals::ApprovalsAtHand;
use crate::error::AppError;
use crate::port::PortError;
use crate::port::logs::Logs;
use crate::port::notifier::Notifier;
use crate::port::state_changes::StateChanges;
use crate::port::statuses::Statuses;
use crate::port::store::{Record, Store};
use crate::port::told::Told;
use crate::reach::Reach;

mod commit_status;
mod failure;
mod message;
mod people;
mod plain;
mod state_change;

pub use message::Message;

/// The event bus among those who were told; no audience is called so.
const BUS: &str = "bus";

/// Tells people and other systems what the records say.
pub struct Notify {
    store: Arc<dyn Store>,
    approvals: Arc<dyn ApprovalsAtHand>,
    notifier: Arc<dyn Notifier>,
    reach: Reach,
    logs: Option<Arc<dyn Logs>>,
    told: Option<Arc<dyn Told>>,
    statuses: Option<Arc<dyn Statuses>>,
    state_changes: Option<Arc<dyn StateChanges>>,
}

/// An execution that a record is about, as it stands now, and the definition that it pins.
struct Story {
    execution: Arc<Execution>,
    pipeline: Arc<Pipeline>,
}

impl Notify {
    /// Tells people by `notifier` how they reach this installation by `reach`. The approvers whom `approvals` knows by
    /// name are asked with links of their own.
    pub fn new(
        store: Arc<dyn Store>,
        approvals: Arc<dyn ApprovalsAtHand>,
        notifier: Arc<dyn Notifier>,
        reach: Reach,
    ) -> Self {
        Self {
            store,
            approvals,
            notifier,
            reach,
            logs: None,
            told: None,
            statuses: None,
            state_changes: None,
        }
    }

    /// With the end of a failing action's log, from `logs`.
    #[must_use]
    pub fn with_logs(mut self, logs: Arc<dyn Logs>) -> Self {
        self.logs = Some(logs);
        self
    }

    /// Remembers in `told` who was told of a record.
    #[must_use]
    pub fn with_told(mut self, told: Arc<dyn Told>) -> Self {
        self.told = Some(told);
        self
    }

    /// Also shows beside each commit what became of it.
    #[must_use]
    pub fn with_statuses(mut self, statuses: Arc<dyn Statuses>) -> Self {
        self.statuses = Some(statuses);
        self
    }

    /// Also sends state changes to an event bus.
    #[must_use]
    pub fn with_state_changes(mut self, state_changes: Arc<dyn StateChanges>) -> Self {
        self.state_changes = Some(state_changes);
        self
    }

    /// Tells what `record` gives reason to tell; most records give none, and then nothing is read. Says what could not be
    /// told and never will be, with the reason.
    ///
    /// # Errors
    /// [`AppError::Port`] if the store failed or somebody could not be told: tell the record again. The others were.
    pub async fn tell(&self, record: &Record) -> Result<Vec<String>, AppError> {
        let facts = || record.events.iter().map(|event| &event.fact);
        let people = facts().any(people::may_concern);
        let statuses = self.statuses.as_ref().filter(|_| facts().any(commit_status::may_change));
        let changes = self.state_changes.as_ref().filter(|_| facts().any(state_change::is_one));
        if !people && statuses.is_none() && changes.is_none() {
            return Ok(vec![]);
        }
        let Some(story) = self.read(record).await? else {
            return Ok(vec![]);
        };
        let (mut failures, mut given_up) = (vec![], vec![]);
        if people {
            failures.extend(self.tell_people(record, &story).await.err());
        }
        if let Some(statuses) = statuses {
            let set = self.set_statuses(statuses.as_ref(), record, &story, &mut given_up).await;
            failures.extend(set.err());
        }
        if let Some(changes) = changes {
            failures.extend(self.send_changes(changes.as_ref(), record, &story).await.err());
        }
        all_of(failures.into_iter().map(into_port_error)).map(|()| given_up)
    }

    /// Rules of the bus would act again on changes that are sent again because somebody else could not be told.
    async fn send_changes(
        &self,
        bus: &dyn StateChanges,
        record: &Record,
        story: &Story,
    ) -> Result<(), AppError> {
        let changes = state_change::changes(record, &story.execution, &story.pipeline);
        let id = people::told_id(record, story);
        if changes.is_empty() || self.told_of(&id).await.contains(BUS) {
            return Ok(());
        }
        bus.send(&changes).await?;
        self.remember(&id, &BTreeSet::from([BUS.to_owned()])).await;
        Ok(())
    }

    async fn read(&self, record: &Record) -> Result<Option<Story>, AppError> {
        let Some(id) = &record.execution else {
            return Ok(None);
        };
        let Some(execution) = self.store.execution(&record.pipeline, id).await? else {
            return Ok(None);
        };
        let pipeline = self.store.definition(&record.pipeline, execution.definition).await?;
        Ok(pipeline.map(|pipeline| Story { execution, pipeline }))
    }
}

fn into_port_error(error: AppError) -> PortError {
    match error {
        AppError::Port(error) => error,
        AppError::Rejected(_) | AppError::Refused(_) | AppError::NotFound(_) | AppError::Busy(_) => {
            PortError { retryable: error.is_retryable(), message: error.to_string() }
        }
    }
}

/// All failures as one, which can pass if any of them can.
fn all_of(failures: impl IntoIterator<Item = PortError>) -> Result<(), AppError> {
    let (mut messages, mut retryable) = (vec![], false);
    for failure in failures {
        messages.push(failure.message);
        retryable |= failure.retryable;
    }
    if messages.is_empty() {
        return Ok(());
    }
    Err(PortError { message: messages.join("; "), retryable }.into())
}
