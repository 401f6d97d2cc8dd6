//! The logs of attempts, for people.

use async_trait::async_trait;
use bytes::Bytes;
use penstock_model::id::AttemptId;

use super::PortError;

/// How a line of a log begins that tells of a try to begin the work that failed: what people see of work that has not begun.
pub const FAILED_TRY: &str = "failed try ";

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
