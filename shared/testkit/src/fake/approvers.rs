//! Approvers in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::approvers::{Approver, ApproverName, Approvers};

use super::locked;

/// Approvers in memory.
#[derive(Debug, Default)]
pub struct MemoryApprovers(Mutex<BTreeMap<ApproverName, Approver>>);

#[async_trait]
impl Approvers for MemoryApprovers {
    async fn list(&self) -> Result<Vec<Approver>, PortError> {
        Ok(locked(&self.0).values().cloned().collect())
    }

    async fn add(&self, approver: &Approver) -> Result<(), PortError> {
        locked(&self.0).insert(approver.name.clone(), approver.clone());
        Ok(())
    }

    async fn remove(&self, name: &ApproverName) -> Result<bool, PortError> {
        Ok(locked(&self.0).remove(name).is_some())
    }
}
