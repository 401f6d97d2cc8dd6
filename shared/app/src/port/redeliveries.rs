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

/// A push, as its delivery tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// What was pushed to, such as `refs/heads/main`.
    pub reference: String,
    /// The commit that it has since.
    pub commit: String,
}

/// The deliveries of a code host's webhooks to this installation.
#[async_trait]
pub trait Redeliveries: Send + Sync {
    /// The latest tries for `repository` (`owner/name`), newest first. None if there is no webhook, or none that may be seen.
    async fn latest(&self, repository: &str) -> Result<Vec<Attempted>, PortError>;

    /// Which push a delivery tells of, if it tells of one.
    async fn pushed(&self, repository: &str, attempted: &Attempted) -> Result<Option<Pushed>, PortError>;

    /// Has a delivery made again.
    async fn again(&self, repository: &str, attempted: &Attempted) -> Result<(), PortError>;
}
