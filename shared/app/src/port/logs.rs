//! The logs of attempts, for people.

use async_trait::async_trait;
use bytes::Bytes;
use penstock_model::id::AttemptId;

use super::PortError;

/// The logs of attempts.
#[async_trait]
pub trait Logs: Send + Sync {
    /// At most `limit` bytes from `offset`; empty at the end of what is there.
    async fn read(&self, attempt: &AttemptId, offset: u64, limit: usize) -> Result<Bytes, PortError>;

    /// The last `lines` lines, at most 64 KiB.
    async fn tail(&self, attempt: &AttemptId, lines: usize) -> Result<Vec<String>, PortError>;

    /// Where a person finds the whole log: a path or a link.
    fn location(&self, attempt: &AttemptId) -> String;
}
