//! How commands reach pipelines: over HTTP to a server, or in this process. Both look the same from here.

use std::time::Duration;

use async_trait::async_trait;
use penstock_app::view::ExecutionView;
use penstock_model::id::{ActionName, AttemptId, ExecutionId, PipelineName, StageName};

/// What following an execution needs of the Penstock that performs it.
#[async_trait]
pub(crate) trait Reach: Send + Sync {
    /// The execution as it stands; the pipeline's latest if none is named.
    async fn execution(
        &self,
        pipeline: &PipelineName,
        id: Option<&ExecutionId>,
    ) -> anyhow::Result<ExecutionView>;

    /// What the attempt's log holds from `offset` on: a part of it, empty at the end of what is there.
    async fn log(&self, attempt: &AttemptId, offset: u64) -> anyhow::Result<LogPart>;

    /// Approves or rejects the approval that waits there.
    async fn verdict(&self, place: &ApprovalPlace, approved: bool, comment: &str) -> anyhow::Result<()>;

    /// Stops the execution; running actions are abandoned or waited for.
    async fn stop(&self, pipeline: &PipelineName, id: &ExecutionId, abandon: bool) -> anyhow::Result<()>;

    /// The least time between two looks.
    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    /// What a command that is suggested has to say to reach the same, with a space before it.
    fn again(&self) -> &str {
        ""
    }

    /// Where a person finds the attempt's whole log: a path, or the command that prints it.
    fn whole_log(&self, attempt: &AttemptId) -> String;
}

/// An approval action of a pipeline.
#[derive(Debug, Clone)]
pub(crate) struct ApprovalPlace {
    /// The pipeline.
    pub(crate) pipeline: PipelineName,
    /// The execution; without one, the only one that waits there.
    pub(crate) execution: Option<ExecutionId>,
    /// The stage.
    pub(crate) stage: StageName,
    /// The action.
    pub(crate) action: ActionName,
}

/// A part of a log.
#[derive(Debug, Default)]
pub(crate) struct LogPart {
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
    /// Where the next part begins.
    pub(crate) next: u64,
}

/// Who acts, for the records: the user of this machine.
pub(crate) fn me() -> String {
    let name = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_default();
    if name.is_empty() { "a local user".into() } else { name }
}
