//! What reconciliation asks of a code host: where a branch stands, and how a commit relates to another.

use async_trait::async_trait;

use super::PortError;

/// The newest commit of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its id.
    pub commit: String,
    /// When it was committed, RFC 3339 in UTC.
    pub committed_at: Option<String>,
}

/// How a commit relates to an earlier known one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It comes after it.
    After,
    /// It is the same or comes before it.
    NotAfter,
    /// Neither: the branch was written anew.
    Apart,
}

/// A comparison of two commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// How the head relates to the base.
    pub relation: Relation,
    /// The files that differ; `None` if not all are known.
    pub changed_paths: Option<Vec<String>>,
}

/// Why a code host did not tell of a branch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BranchError {
    /// It knows no such branch or no such repository, or shows none to who asks.
    #[error("{0}")]
    Absent(String),
    /// Who asks without a token has asked as often as anybody may; the message says what was to be found out.
    #[error("{0}")]
    UsedUp(String),
    /// It could not be asked, or refused.
    #[error(transparent)]
    Failed(#[from] PortError),
}

/// The branches of a code host.
#[async_trait]
pub trait Branches: Send + Sync {
    /// Where `branch` of `repository` (`owner/name`) stands.
    async fn head(&self, repository: &str, branch: &str) -> Result<Head, BranchError>;

    /// How `head` relates to `base`.
    async fn compare(&self, repository: &str, base: &str, head: &str) -> Result<Comparison, BranchError>;
}
