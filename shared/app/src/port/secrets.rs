//! Secrets by reference; their values are never part of the state.

use async_trait::async_trait;

use super::PortError;

/// Secrets.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The secret called `name`, whole.
    async fn secret(&self, name: &str) -> Result<String, PortError>;

    /// The secret called `name`, where having none is no failure. Where secrets are named by whoever installs, one that
    /// is not there is a failure all the same.
    async fn secret_if_any(&self, name: &str) -> Result<Option<String>, PortError> {
        self.secret(name).await.map(Some)
    }
}
