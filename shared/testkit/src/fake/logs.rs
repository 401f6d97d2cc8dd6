//! Logs in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use penstock_app::port::PortError;
use penstock_app::port::logs::Logs;
use penstock_model::id::AttemptId;

use super::locked;

/// The most that [`Logs::tail`] hands out, in bytes.
const TAIL: usize = 64 * 1024;

/// Logs in memory.
#[derive(Debug, Default)]
pub struct MemoryLogs(Mutex<BTreeMap<AttemptId, Vec<u8>>>);

impl MemoryLogs {
    /// Adds to the log of `attempt`.
    pub fn append(&self, attempt: &AttemptId, bytes: &[u8]) {
        locked(&self.0).entry(attempt.clone()).or_default().extend_from_slice(bytes);
    }
}

#[async_trait]
impl Logs for MemoryLogs {
    async fn read(&self, attempt: &AttemptId, offset: u64, limit: usize) -> Result<Bytes, PortError> {
        let logs = locked(&self.0);
        let log = logs.get(attempt).map(Vec::as_slice).unwrap_or_default();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(log.len());
        let end = start.saturating_add(limit).min(log.len());
        Ok(Bytes::copy_from_slice(&log[start..end]))
    }

    async fn tail(&self, attempt: &AttemptId, lines: usize) -> Result<Vec<String>, PortError> {
        let logs = locked(&self.0);
        let log = logs.get(attempt).map(Vec::as_slice).unwrap_or_default();
        let text = String::from_utf8_lossy(&log[log.len().saturating_sub(TAIL)..]).into_owned();
        let all: Vec<&str> = text.lines().collect();
        Ok(all[all.len().saturating_sub(lines)..].iter().map(|line| (*line).to_owned()).collect())
    }

    fn location(&self, attempt: &AttemptId) -> String {
        format!("memory:{attempt}")
    }
}
