//! Follows the records in the order in which they landed, from a stored cursor: tells people, forgets settled claims.

use std::sync::Arc;
use std::time::Duration;

use penstock_app::engine::event::Fact;
use penstock_app::notify::Notify;
use penstock_app::port::PortError;
use penstock_app::port::store::Record;
use penstock_model::id::AttemptId;
use tokio::sync::watch;

use crate::claims::ClaimJournal;
use crate::database::Database;

/// The cursor's name.
const CURSOR: &str = "notifications";
/// The most records that are read at a time.
const PAGE: usize = 200;
/// People can wait this long; meanwhile more lands, and transitions are not held up.
const GATHER: Duration = Duration::from_millis(25);
/// The longest pause before a notice is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Reads records and tells people.
pub(crate) struct Follower {
    database: Arc<Database>,
    notify: Notify,
    claims: Arc<ClaimJournal>,
    reached: u64,
}

impl Follower {
    /// Goes on where the stored cursor stands.
    pub(crate) fn new(
        database: Arc<Database>,
        notify: Notify,
        claims: Arc<ClaimJournal>,
    ) -> Result<Self, PortError> {
        let reached = database.cursor(CURSOR)?;
        Ok(Self { database, notify, claims, reached })
    }

    /// Follows until told to end, then works through what is left.
    pub(crate) async fn follow(mut self, mut end: watch::Receiver<bool>) {
        let mut landed = self.database.landed();
        let mut pause = GATHER;
        while !*end.borrow() {
            match self.page().await {
                Ok(true) => pause = GATHER,
                Ok(false) => {
                    pause = GATHER;
                    tokio::select! {
                        _ = landed.changed() => {}
                        _ = end.changed() => {}
                    }
                    tokio::time::sleep(GATHER).await;
                }
                Err(error) => {
                    tracing::warn!("a notification is tried again: {error}");
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        _ = end.changed() => {}
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        while let Ok(true) = self.page().await {}
    }

    /// Works through one page; whether there was anything.
    async fn page(&mut self) -> Result<bool, String> {
        let records =
            self.database.records_after(self.reached, PAGE).await.map_err(|error| error.to_string())?;
        let any = !records.is_empty();
        for numbered in records {
            match &numbered.record {
                Ok(record) => {
                    tell(&self.notify, record).await?;
                    for attempt in settled(record) {
                        self.claims.settle(attempt).map_err(|error| error.to_string())?;
                    }
                }
                Err(error) => tracing::error!("a record cannot be read and is passed over: {error}"),
            }
            self.reached = numbered.number;
        }
        if any {
            self.database.set_cursor(CURSOR, self.reached).map_err(|error| error.to_string())?;
        }
        Ok(any)
    }
}

async fn tell(notify: &Notify, record: &Record) -> Result<(), String> {
    match notify.tell(record).await {
        Ok(given_up) => {
            given_up.iter().for_each(|why| tracing::error!("this is never shown: {why}"));
            Ok(())
        }
        Err(error) if error.is_retryable() => Err(error.to_string()),
        Err(error) => {
            tracing::error!("people were not told of something: {error}");
            Ok(())
        }
    }
}

/// The attempts that ended in this record.
fn settled(record: &Record) -> impl Iterator<Item = &AttemptId> {
    record.events.iter().filter_map(|event| match &event.fact {
        Fact::AttemptSucceeded { attempt, .. }
        | Fact::AttemptFailed { attempt, .. }
        | Fact::AttemptAbandoned { attempt } => Some(attempt),
        Fact::Defined { .. }
        | Fact::Deleted
        | Fact::TransitionDisabled { .. }
        | Fact::TransitionEnabled { .. }
        | Fact::ArtifactsReleased { .. }
        | Fact::ExecutionAdmitted { .. }
        | Fact::StopRequested { .. }
        | Fact::StageAwaited { .. }
        | Fact::StageEntered { .. }
        | Fact::StageRetried { .. }
        | Fact::StageEnded { .. }
        | Fact::ExecutionEnded { .. }
        | Fact::AttemptScheduled { .. }
        | Fact::AttemptStarted { .. }
        | Fact::AttemptResent { .. }
        | Fact::AttemptChecked { .. }
        | Fact::AttemptCancelling { .. }
        | Fact::CancellationSettled { .. }
        | Fact::VerdictGiven { .. } => None,
    })
}
