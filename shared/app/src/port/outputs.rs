//! Output variables: immutable items of their own, keyed by the attempt, written before the report.

use std::collections::BTreeMap;

use async_trait::async_trait;
use penstock_model::id::AttemptId;

use super::PortError;

/// Output variables of attempts.
#[async_trait]
pub trait Outputs: Send + Sync {
    /// Writes them, once; writing the same attempt again keeps the first.
    async fn put(&self, attempt: &AttemptId, variables: &BTreeMap<String, String>) -> Result<(), PortError>;

    /// Writes those of an attempt that no state knows yet, in place of what an earlier try of its admission left.
    async fn replace(
        &self,
        attempt: &AttemptId,
        variables: &BTreeMap<String, String>,
    ) -> Result<(), PortError>;

    /// Reads them; empty if there are none.
    async fn get(&self, attempt: &AttemptId) -> Result<BTreeMap<String, String>, PortError>;
}
