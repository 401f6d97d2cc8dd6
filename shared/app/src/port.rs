//! What the use cases need of the outside, in their own words. Adapters implement these; what several adapters
//! have to do alike is a contract suite of the test kit.

pub mod approvers;
pub mod artifacts;
pub mod branches;
pub mod claims;
pub mod clean_up;
pub mod clock;
pub mod commands;
pub mod logs;
pub mod notifier;
pub mod outputs;
pub mod provider;
pub mod queue;
pub mod redeliveries;
pub mod repository;
pub mod revisions;
pub mod secrets;
pub mod state_changes;
pub mod statuses;
pub mod store;
pub mod told;

/// What a failure says of an item that a newer release wrote: whoever reads it waits for an update.
pub const WRITTEN_BY_A_NEWER_RELEASE: &str = "a newer release wrote it";

/// A failure of something outside, and whether trying again can help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PortError {
    /// What failed, where, and what to do, as a lowercase fragment that completes "failed to ...".
    pub message: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
}

impl PortError {
    /// A failure that may pass.
    pub fn transient(message: impl Into<String>) -> Self {
        Self { message: message.into(), retryable: true }
    }

    /// A failure that stays.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { message: message.into(), retryable: false }
    }

    /// Whether it lasts until an update, although it passes then.
    pub fn is_of_a_newer_release(&self) -> bool {
        self.message.contains(WRITTEN_BY_A_NEWER_RELEASE)
    }

    /// The message as a sentence of its own.
    pub fn in_a_sentence(&self) -> String {
        format!("failed to {}", self.message)
    }
}
