//! Which revision an attempt at a source action keeps to, whoever fetches it.

use async_trait::async_trait;
use penstock_model::id::AttemptId;

use super::PortError;

/// The revisions to which attempts keep.
///
/// A branch moves while a fetch is repeated: by another worker after the first died, or because its report was lost.
/// What the attempt stored is adopted then, so what is recorded has to be of the same revision.
#[async_trait]
pub trait Revisions: Send + Sync {
    /// Makes `attempt` keep to `revision`, before anything of it is fetched. The first counts: returns that.
    async fn keep_to(&self, attempt: &AttemptId, revision: &str) -> Result<String, PortError>;
}
