//! Who was told of what, so that telling the rest again does not tell everybody again.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::PortError;

/// Remembers who was told of a record, for as long as it may be told again.
#[async_trait]
pub trait Told: Send + Sync {
    /// Who was told of `record` already.
    async fn of(&self, record: &str) -> Result<BTreeSet<String>, PortError>;

    /// Remembers that `audiences`, which is not empty, were told of `record`, besides those before.
    async fn remember(&self, record: &str, audiences: &BTreeSet<String>) -> Result<(), PortError>;
}
