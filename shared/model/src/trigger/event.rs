//! What happened where a source comes from, as far as a trigger asks.

use serde::{Deserialize, Serialize};

use super::ObjectCreated;

/// What happened in a repository or a bucket. It is written as what happened alone, so that an event of a repository is
/// still read by releases that know no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SourceEvent {
    /// In a bucket.
    ObjectCreated(ObjectCreated),
    /// In a repository.
    #[serde(untagged)]
    Git(GitEvent),
}

impl From<GitEvent> for SourceEvent {
    fn from(event: GitEvent) -> Self {
        Self::Git(event)
    }
}

/// A push or a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GitEvent {
    /// Commits, a branch or a tag were pushed or deleted.
    Push(Push),
    /// A pull request was opened, updated or closed.
    PullRequest(PullRequest),
}

/// What was pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Push {
    /// The repository's full name, `owner/name`.
    pub repository: String,
    /// The branch or tag.
    pub reference: Reference,
    /// The commit to which it points now; zeros if it was deleted.
    pub commit: String,
    /// The commit's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Who pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The files that the commits add, change or remove; `None` if the event does not list all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_paths: Option<Vec<String>>,
    /// Whether the branch or tag is gone.
    #[serde(default)]
    pub deleted: bool,
}

/// A branch or a tag, by its short name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reference {
    /// `refs/heads/…`.
    Branch(String),
    /// `refs/tags/…`.
    Tag(String),
}

/// What became of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullRequest {
    /// The full name of the repository into which it is to be merged.
    pub repository: String,
    /// Its number.
    pub number: u64,
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What happened.
    pub event: PullRequestEvent,
    /// The branch into which it is to be merged.
    pub base: String,
    /// The branch that it proposes.
    pub head: String,
    /// The head's commit.
    pub commit: String,
    /// The full name of the head's repository; `None` if that fork is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_repository: Option<String>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The files that it changes; `None` if the event does not list them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_paths: Option<Vec<String>>,
}

/// What happened to a pull request, in the words of a pull-request filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PullRequestEvent {
    /// It was opened or opened again.
    Open,
    /// New commits were pushed to it.
    Updated,
    /// It was merged or closed.
    Closed,
}

impl Reference {
    /// Reads a full reference; `None` if it is neither a branch nor a tag.
    pub fn parse(reference: &str) -> Option<Self> {
        let branch = reference.strip_prefix("refs/heads/").map(|name| Self::Branch(name.into()));
        branch.or_else(|| reference.strip_prefix("refs/tags/").map(|name| Self::Tag(name.into())))
    }
}

impl PullRequestEvent {
    /// The word in a filter's `events`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Updated => "UPDATED",
            Self::Closed => "CLOSED",
        }
    }
}

impl GitEvent {
    /// The full name of the repository in which it happened.
    pub fn repository(&self) -> &str {
        match self {
            Self::Push(push) => &push.repository,
            Self::PullRequest(pull_request) => &pull_request.repository,
        }
    }

    /// The commit that an execution would carry.
    pub fn commit(&self) -> &str {
        match self {
            Self::Push(push) => &push.commit,
            Self::PullRequest(pull_request) => &pull_request.commit,
        }
    }

    /// The branch or the tag that an execution would carry.
    pub fn reference(&self) -> Reference {
        match self {
            Self::Push(push) => push.reference.clone(),
            Self::PullRequest(pull_request) => Reference::Branch(pull_request.head.clone()),
        }
    }
}
