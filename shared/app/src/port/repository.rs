//! The git working tree that a source without a repository means, on one machine.

use async_trait::async_trait;

use super::PortError;

/// The git repository in which the server was started, if any.
#[async_trait]
pub trait Repository: Send + Sync {
    /// Whether the repository contains the commit.
    async fn contains(&self, commit: &str) -> Result<bool, PortError>;
}

/// No repository: on AWS, and where the server was started outside any.
pub struct NoRepository;

#[async_trait]
impl Repository for NoRepository {
    async fn contains(&self, _commit: &str) -> Result<bool, PortError> {
        Ok(false)
    }
}
