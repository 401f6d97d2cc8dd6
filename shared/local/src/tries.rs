//! A provider outside this machine that cannot be reached: each try is said in the attempt's log, and after a while the
//! attempt fails with the last reason instead of being tried until its time-out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use penstock_app::engine::state::External;
use penstock_app::port::PortError;
use penstock_app::port::clock::Clock;
use penstock_app::port::logs::FAILED_TRY;
use penstock_app::port::provider::{Begun, Done, Observation, Provider, Stop, Work};
use penstock_model::id::AttemptId;
use penstock_model::time::Timestamp;

use crate::attempt_log::AttemptLog;
use crate::logs::LogFiles;

/// For how long work is tried to be begun.
const BOUND: Duration = Duration::from_secs(15 * 60);

/// A provider whose failing tries to begin are counted.
pub(crate) struct Tries {
    provider: Arc<dyn Provider>,
    logs: LogFiles,
    clock: Arc<dyn Clock>,
    failing: Mutex<HashMap<AttemptId, Failing>>,
}

/// An attempt that could not be begun so far.
struct Failing {
    since: Timestamp,
    tries: u32,
}

impl Tries {
    pub(crate) fn new(provider: Arc<dyn Provider>, logs: LogFiles, clock: Arc<dyn Clock>) -> Self {
        Self { provider, logs, clock, failing: Mutex::default() }
    }

    /// Notes a try that failed; the error that follows from it.
    fn failed(&self, attempt: &AttemptId, error: PortError) -> PortError {
        let (tries, gives_up) = {
            let (mut failing, now) = (self.lock(), self.clock.now());
            let entry = failing.entry(attempt.clone()).or_insert(Failing { since: now, tries: 0 });
            entry.tries += 1;
            (entry.tries, entry.since.plus(BOUND) <= now)
        };
        let next = if gives_up { "giving up" } else { "trying again" };
        // A full disk must not end the work.
        if let Ok(log) = AttemptLog::open(&self.logs, attempt) {
            log.line(&format!("{FAILED_TRY}{tries}, {next}: {}", error.message));
        }
        if !gives_up {
            return error;
        }
        self.lock().remove(attempt);
        let minutes = BOUND.as_secs() / 60;
        PortError::permanent(format!("{} (tried for {minutes} minutes)", error.message))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AttemptId, Failing>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Provider for Tries {
    async fn start(&self, work: &Work, taken_over: bool) -> Result<Begun, PortError> {
        self.start_until(work, taken_over, &Stop::default()).await
    }

    async fn start_until(&self, work: &Work, taken_over: bool, stop: &Stop) -> Result<Begun, PortError> {
        match self.provider.start_until(work, taken_over, stop).await {
            Err(error) if error.retryable => Err(self.failed(&work.attempt, error)),
            settled => {
                self.lock().remove(&work.attempt);
                settled
            }
        }
    }

    fn anticipate(&self, work: &Work) {
        self.provider.anticipate(work);
    }

    async fn ahead(&self, work: &Work) -> Option<Done> {
        self.provider.ahead(work).await
    }

    async fn observe(&self, work: &Work, external: &External) -> Result<Observation, PortError> {
        self.provider.observe(work, external).await
    }

    async fn cancel(&self, work: &Work, external: Option<&External>) -> Result<Observation, PortError> {
        self.lock().remove(&work.attempt);
        self.provider.cancel(work, external).await
    }
}

#[cfg(test)]
mod tests {
    use penstock_testkit::fake::ManualClock;

    use super::*;

    #[test]
    fn tries_are_told_and_end() {
        let dir = tempfile::tempdir().unwrap();
        let (logs, clock) = (LogFiles::new(dir.path()), Arc::new(ManualClock::default()));
        let tries = Tries::new(Arc::new(Never), logs.clone(), clock.clone());
        let attempt: AttemptId = "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Source/Pull/1".parse().unwrap();
        let fails = || tries.failed(&attempt, PortError::transient("reach GitHub: connection refused"));
        assert!(fails().retryable);
        clock.advance(BOUND / 2);
        assert!(fails().retryable);
        clock.advance(BOUND / 2);
        let last = fails();
        assert!(!last.retryable && last.message.contains("connection refused"), "{last}");
        let lines = logs.last_lines(&attempt, 10).unwrap();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0], "failed try 1, trying again: reach GitHub: connection refused");
        assert_eq!(lines[2], "failed try 3, giving up: reach GitHub: connection refused");
        assert!(fails().retryable, "another execution's patience begins anew");
    }

    struct Never;

    #[async_trait]
    impl Provider for Never {
        async fn start(&self, _: &Work, _: bool) -> Result<Begun, PortError> {
            Err(PortError::transient("never"))
        }

        async fn observe(&self, _: &Work, _: &External) -> Result<Observation, PortError> {
            Ok(Observation::Gone)
        }

        async fn cancel(&self, _: &Work, _: Option<&External>) -> Result<Observation, PortError> {
            Ok(Observation::Gone)
        }
    }
}
