//! Output variables in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::outputs::Outputs;
use penstock_model::id::AttemptId;

use super::locked;

/// Output variables in memory.
#[derive(Debug, Default)]
pub struct MemoryOutputs(Mutex<BTreeMap<AttemptId, BTreeMap<String, String>>>);

#[async_trait]
impl Outputs for MemoryOutputs {
    async fn put(&self, attempt: &AttemptId, variables: &BTreeMap<String, String>) -> Result<(), PortError> {
        locked(&self.0).entry(attempt.clone()).or_insert_with(|| variables.clone());
        Ok(())
    }

    async fn replace(
        &self,
        attempt: &AttemptId,
        variables: &BTreeMap<String, String>,
    ) -> Result<(), PortError> {
        locked(&self.0).insert(attempt.clone(), variables.clone());
        Ok(())
    }

    async fn get(&self, attempt: &AttemptId) -> Result<BTreeMap<String, String>, PortError> {
        Ok(locked(&self.0).get(attempt).cloned().unwrap_or_default())
    }
}
