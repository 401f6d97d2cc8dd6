//! What reconciliation asks of a code host about its webhook: which deliveries failed, and to make them again.

use async_trait::async_trait;

use super::PortError;

/// One try of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// The webhook that it belongs to.
    pub webhook: u64,
    /// The host's number of this try.
    pub id: u64,
    /// What all tries of one delivery have in common.
    pub delivery: String,
    /// What it tells of, such as `push`.
    pub event: String,
    /// Whether it was answered with success.
    pub succeeded: bool,
}

/// The deliveries of a code host's webhooks to this installation.
#[async_trait]
pub trait Redeliveries: Send + Sync {
    /// The latest tries for `repository` (`owner/name`), newest first. None if there is no webhook, or none that may be seen.
    async fn latest(&self, repository: &str) -> Result<Vec<Attempted>, PortError>;

    /// Has a delivery made again, unless it is of a push to a branch: of that the comparison of heads tells, and in the
    /// right order. Says whether it does.
    async fn again(&self, repository: &str, attempted: &Attempted) -> Result<bool, PortError>;
}
