//! Kept revisions in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::revisions::Revisions;
use penstock_model::id::AttemptId;

use super::locked;

/// Kept revisions in memory.
#[derive(Debug, Default)]
pub struct MemoryRevisions(Mutex<BTreeMap<AttemptId, String>>);

#[async_trait]
impl Revisions for MemoryRevisions {
    async fn keep_to(&self, attempt: &AttemptId, revision: &str) -> Result<String, PortError> {
        Ok(locked(&self.0).entry(attempt.clone()).or_insert_with(|| revision.to_owned()).clone())
    }
}
