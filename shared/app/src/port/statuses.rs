//! What a code host shows beside a commit.

use async_trait::async_trait;

use super::PortError;

/// The commit statuses of a code host.
#[async_trait]
pub trait Statuses: Send + Sync {
    /// Sets a status; the latest of a context is what people see.
    ///
    /// # Errors
    /// What may pass, and what a person mends by a right or another token: it is to be set again.
    async fn set(&self, status: &CommitStatus) -> Result<Shown, PortError>;
}

/// What became of a status that was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// It is shown.
    Yes,
    /// It never will be, however often it is set.
    Never {
        /// Why, and the way out.
        why: String,
    },
}

/// What became of a commit in one pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitStatus {
    /// `owner/name`.
    pub repository: String,
    /// The commit, 40 hex digits.
    pub commit: String,
    /// Where it stands.
    pub state: StatusState,
    /// What the status is about: `penstock/<pipeline>`.
    pub context: String,
    /// A line for people, at most 140 characters.
    pub description: String,
    /// Where people see more, if there is a page that opens in a browser; else the code host leads to the commit's own.
    pub target_url: Option<String>,
}

impl CommitStatus {
    /// Whether people read the same in both.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        (self.state, &self.description) == (other.state, &other.description)
    }
}

/// Where a commit stands (GitHub REST API, "Create a commit status").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusState {
    /// Its execution goes on.
    Pending,
    /// Its execution succeeded.
    Success,
    /// An action failed.
    Failure,
    /// Its execution ended without a verdict on the commit: stopped, superseded, cancelled.
    Error,
}
