//! What is remembered of messages that fail: tries that were broken off, and groups that were held up for long enough.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_model::time::Timestamp;

use super::arrival::PATIENCE;

/// More groups than can fail within an hour without somebody noticing.
const MOST: usize = 1000;

/// Tries of messages, noted where the end of the function does not reach.
#[async_trait]
pub trait Tries: Send + Sync {
    /// How many tries of the message with SQS's id `message` were broken off.
    async fn broken_off(&self, message: &str) -> Result<u32, PortError>;

    /// Notes that a try begins, after so many that were broken off.
    async fn begin(&self, message: &str, broken_off: u32) -> Result<(), PortError>;

    /// Notes that the try has come to an end, well or badly.
    async fn end(&self, message: &str, broken_off: u32) -> Result<(), PortError>;
}

/// Groups of which a message went among the dead letters lately: whatever ails those behind it in the same way need not wait
/// for as long again. Kept by this process only; another one waits a few minutes for each.
#[derive(Debug, Default)]
pub struct GaveWay(Mutex<BTreeMap<String, Timestamp>>);

impl GaveWay {
    /// Notes that one of `group` did.
    pub fn note(&self, group: &str, now: Timestamp) {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        groups.retain(|_, at| at.plus(PATIENCE) > now);
        if groups.len() < MOST {
            groups.insert(group.to_owned(), now);
        }
    }

    /// Whether one of `group` did within the last hour.
    pub fn lately(&self, group: &str, now: Timestamp) -> bool {
        let groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        groups.get(group).is_some_and(|at| at.plus(PATIENCE) > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_gives_way_for_an_hour() {
        let (groups, at) = (GaveWay::default(), Timestamp(1_700_000_000_000));
        groups.note("web", at);
        assert!(groups.lately("web", at) && !groups.lately("api", at));
        assert!(!groups.lately("web", at.plus(PATIENCE)));
    }
}
