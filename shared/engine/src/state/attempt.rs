//! What is stored of an action's latest try.

use penstock_model::artifact::Artifact;
use penstock_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::open_set::open_set;

/// The latest try of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Which try, from 1.
    pub number: u32,
    /// Where it stands.
    pub status: AttemptStatus,
    /// When it was scheduled.
    pub scheduled_at: Timestamp,
    /// When its provider took it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The provider's own id of the work and where a person sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// What a person reads in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<AttemptError>,
    /// The artifacts that it produced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// Whether output variables were written under its id.
    #[serde(default)]
    pub has_variables: bool,
    /// The verdict, if it is an approval that was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// When it times out or expires.
    pub deadline: Timestamp,
    /// The cancellation that was asked for, confirmed or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Cancellation>,
    /// When an unanswered dispatch or cancellation is sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resend_at: Option<Timestamp>,
    /// How often it was sent again.
    #[serde(default)]
    pub resends: u32,
    /// When the provider is asked next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_check_at: Option<Timestamp>,
    /// How often the provider was asked.
    #[serde(default)]
    pub checks: u32,
    /// Whether another try is asked for, by a retry or because its worker died; it begins when its turn comes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// Where an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AttemptStatus {
    /// Owed to a worker; nothing is known to have begun. Shown as `InProgress`.
    Scheduled,
    /// A provider works on it, or a person is asked.
    InProgress,
    /// Done.
    Succeeded,
    /// Failed, timed out, expired, rejected or interrupted.
    Failed,
    /// Given up by a stop that abandons.
    Abandoned,
}

impl AttemptStatus {
    /// Whether the attempt has ended.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Scheduled | Self::InProgress => false,
            Self::Succeeded | Self::Failed | Self::Abandoned => true,
        }
    }
}

/// The provider's own id of the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct External {
    /// The id.
    pub id: String,
    /// Where a person sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptError {
    /// What kind of failure it is.
    pub code: ErrorCode,
    /// What happened, where, and what to do; at most [`MAX_ERROR`] bytes.
    pub message: String,
}

impl AttemptError {
    /// An error of the kind `code`.
    pub fn new(code: impl Into<ErrorCode>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

open_set! {
    /// What kind of failure ended an attempt (`CodePipeline` API, `ErrorDetails` and `FailureType`). Whoever does a job may
    /// give another.
    ErrorCode {
        /// The work itself went wrong.
        JobFailed = "JobFailed",
        /// What the definition or a file of an artifact says cannot be performed.
        ConfigurationError = "ConfigurationError",
        /// A right is missing.
        PermissionError = "PermissionError",
        /// The revision cannot be had.
        RevisionUnavailable = "RevisionUnavailable",
        /// What performs the work failed.
        SystemUnavailable = "SystemUnavailable",
        /// It took longer than it may.
        TimedOut = "TimedOut",
        /// A person decided against it.
        Rejected = "Rejected",
        /// No person decided in time.
        Expired = "Expired",
        /// Its worker died: it is attempted again and is no failure of the action.
        Interrupted = "Interrupted",
        /// It was ended outside of Penstock.
        Cancelled = "Cancelled",
    }
}

/// The longest error message that the state keeps, in bytes; the rest is in the log.
pub const MAX_ERROR: usize = 4096;

impl Attempt {
    /// Whether it has not ended.
    pub fn is_live(&self) -> bool {
        !self.status.is_terminal()
    }

    /// Whether it succeeded and that still counts.
    pub fn has_succeeded(&self) -> bool {
        self.status == AttemptStatus::Succeeded && !self.again
    }

    /// Whether it ended otherwise and no further try is asked for.
    pub fn has_failed(&self) -> bool {
        matches!(self.status, AttemptStatus::Failed | AttemptStatus::Abandoned) && !self.again
    }

    /// Its cancellation, while its end is not known.
    pub fn unsettled(&self) -> Option<&Cancellation> {
        self.cancellation.as_ref().filter(|cancellation| cancellation.settled_at.is_none())
    }
}

/// A person's verdict on an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Approved or rejected.
    pub approved: bool,
    /// Who decided.
    pub by: String,
    /// What they said, at most 512 characters.
    pub comment: String,
    /// When.
    pub at: Timestamp,
}

impl Verdict {
    /// The verdict in a line.
    pub fn in_words(&self) -> String {
        let done = if self.approved { "approved" } else { "rejected" };
        match self.comment.trim() {
            "" => format!("{done} by {}", self.by),
            comment => format!("{done} by {}: {comment}", self.by),
        }
    }
}

/// A cancellation of running work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// Why: the attempt ends with this once its end is known.
    pub cause: CancellationCause,
    /// When it was asked for.
    pub at: Timestamp,
    /// Until when the stage is kept for work whose end is not known.
    pub grace: Timestamp,
    /// When the provider confirmed it, or the grace passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Timestamp>,
}

/// Why running work is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CancellationCause {
    /// Its time is over.
    TimedOut,
    /// A stop that abandons.
    Abandoned,
}
