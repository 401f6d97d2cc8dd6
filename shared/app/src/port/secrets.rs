//! Secrets and parameters by reference; their values are never part of the state.

use async_trait::async_trait;

use super::PortError;

/// Secrets and parameters.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The parameter called `name`.
    async fn parameter(&self, name: &str) -> Result<String, PortError>;

    /// The secret called `name`, whole.
    async fn secret(&self, name: &str) -> Result<String, PortError>;
}
