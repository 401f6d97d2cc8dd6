//! How far long work has come: a number on the claim of its attempt, from which whoever takes it over goes on.

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_model::id::AttemptId;

/// The cursors of attempts that are claimed.
#[async_trait]
pub trait Cursors: Send + Sync {
    /// How far the attempt has come; 0 if nothing is known.
    async fn read(&self, attempt: &AttemptId) -> Result<usize, PortError>;

    /// Remembers that the attempt has come to `place`. One that has come further, or is claimed no more, stays as it is.
    async fn advance(&self, attempt: &AttemptId, place: usize) -> Result<(), PortError>;
}
