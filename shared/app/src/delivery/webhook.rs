//! What a code host's webhook needs of its adapter: verifying and reading what was posted.

use penstock_model::trigger::GitEvent;

/// Verifies and reads what a code host posts.
pub trait Webhook: Send + Sync {
    /// Checks the signature over the raw body, in constant time, against each secret that is in use.
    ///
    /// # Errors
    /// [`WebhookRefusal::Unsigned`] if none fits.
    fn verify(&self, signature_header: Option<&str>, body: &[u8]) -> Result<(), WebhookRefusal>;

    /// Reads the body of an `event`; `content_type` says whether it is JSON or a form around it.
    ///
    /// # Errors
    /// [`WebhookRefusal::MediaType`] and [`WebhookRefusal::Malformed`] as they say.
    fn read(&self, event: &str, content_type: &str, body: &[u8]) -> Result<Received, WebhookRefusal>;
}

/// What was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// Something that may start executions.
    Event(GitEvent),
    /// Nothing that concerns pipelines, with the reason: a ping, a deleted branch, an event of another kind.
    Ignored(String),
}

/// Why what was posted is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookRefusal {
    /// No signature, or none of ours: 401.
    #[error("{0}")]
    Unsigned(String),
    /// More than a code host sends: 413.
    #[error("the body is larger than the 25 MB that GitHub sends at most")]
    TooLarge,
    /// Neither JSON nor a form: 415.
    #[error("{0}")]
    MediaType(String),
    /// Not what the event should be: 400.
    #[error("{0}")]
    Malformed(String),
}
