//! The git working tree that a source without a repository means, on one machine.

use async_trait::async_trait;

use super::PortError;

/// The git repository in which the server was started, if any.
#[async_trait]
pub trait Repository: Send + Sync {
    /// Whether the repository contains the commit.
    async fn contains(&self, commit: &str) -> Result<bool, PortError>;
}
