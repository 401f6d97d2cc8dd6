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

/// The branches of a code host.
#[async_trait]
pub trait Branches: Send + Sync {
    /// Where `branch` of `repository` (`owner/name`) stands.
    async fn head(&self, repository: &str, branch: &str) -> Result<Head, PortError>;

    /// How `head` relates to `base`.
    async fn compare(&self, repository: &str, base: &str, head: &str) -> Result<Comparison, PortError>;
}
