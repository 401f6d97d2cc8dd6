//! The way to people.

use async_trait::async_trait;
use penstock_model::id::{ActionName, ExecutionId, PipelineName, StageName};
use serde::{Deserialize, Serialize};

use super::PortError;

/// Tells people.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Tells of `notice`; told again after a crash in between, with the same content.
    async fn tell(&self, notice: &Notice) -> Result<(), PortError>;
}

/// What people are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// What kind.
    #[serde(rename = "type")]
    pub kind: NoticeKind,
    /// The pipeline.
    pub pipeline: PipelineName,
    /// The execution.
    pub execution_id: ExecutionId,
    /// The stage.
    pub stage: StageName,
    /// The action.
    pub action: ActionName,
    /// What happened or is asked, in a line.
    pub summary: String,
    /// Where to see or decide it.
    pub link: String,
    /// When it happened, RFC 3339.
    pub time: String,
}

/// What kind of notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// An execution failed.
    ExecutionFailed,
    /// An approval waits for a verdict.
    ApprovalNeeded,
}
