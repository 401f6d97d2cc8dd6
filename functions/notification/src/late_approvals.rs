//! Approvals whose key is read when somebody has to be asked: failures are told though the key cannot be read.

use std::sync::Arc;

use async_trait::async_trait;
use penstock_app::approvals::{Approvals, ApprovalsAtHand};
use penstock_app::base_url::BaseUrl;
use penstock_app::engine::command::{Command, DefineMode};
use penstock_app::error::AppError;
use penstock_app::port::PortError;
use penstock_app::port::approvers::Approvers;
use penstock_app::port::clock::SystemClock;
use penstock_app::port::commands::{Commands, Reply};
use penstock_app::port::secrets::Secrets;
use penstock_aws::approval_key::approval_key;
use penstock_aws::store::TableStore;
use penstock_model::id::{CommandId, DefinitionVersion};
use penstock_model::pipeline::Pipeline;

/// What the approvals are made of. The secret's value is kept for a while by `secrets`.
pub(crate) struct LateApprovals {
    pub(crate) secrets: Arc<dyn Secrets>,
    /// The ARN of the secret that the key follows from.
    pub(crate) key: String,
    pub(crate) store: Arc<TableStore>,
    pub(crate) approvers: Arc<dyn Approvers>,
    pub(crate) base_url: BaseUrl,
}

#[async_trait]
impl ApprovalsAtHand for LateApprovals {
    async fn approvals(&self) -> Result<Arc<Approvals>, PortError> {
        let key = approval_key(self.secrets.as_ref(), &self.key).await?;
        let (store, base_url) = (self.store.clone(), self.base_url.clone());
        let approvals =
            Approvals::new(key, store.clone(), store, Arc::new(NoCommands), Arc::new(SystemClock), base_url);
        Ok(Arc::new(approvals.with_approvers(self.approvers.clone())))
    }
}

/// Telling people commands nothing.
struct NoCommands;

#[async_trait]
impl Commands for NoCommands {
    async fn carry_out(&self, _command: Command) -> Result<Reply, AppError> {
        Err(PortError::permanent("carry out a command: the notification function takes none").into())
    }

    async fn define(&self, _: Pipeline, _: DefineMode, _: CommandId) -> Result<DefinitionVersion, AppError> {
        Err(PortError::permanent("define a pipeline: the notification function takes no commands").into())
    }
}
