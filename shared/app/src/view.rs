//! What people and tools are shown of an execution: one shape for the command line, the page and `--format json`.

use penstock_engine::state::{ErrorCode, Execution, ExecutionStatus, TriggerCause, TriggerKind};
use penstock_model::artifact::Revision;
use penstock_model::id::{ActionName, AttemptId, ExecutionId, PipelineName, StageName};
use penstock_model::pipeline::{Category, Pipeline};
use penstock_model::time::Timestamp;
use serde::{Deserialize, Serialize};

mod standing;

pub use standing::{ActionStanding, StageStanding};

/// An execution as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionView {
    /// The pipeline.
    pub pipeline: PipelineName,
    /// The execution.
    pub execution_id: ExecutionId,
    /// Where it stands as a whole.
    pub status: ExecutionStatus,
    /// The commit of the first source action, once it is known.
    pub commit: Option<String>,
    /// The commit's message, first line.
    pub commit_summary: Option<String>,
    /// Who wrote the commit, as its source says.
    pub commit_author: Option<String>,
    /// What started it, in words.
    pub trigger: String,
    /// When it was admitted.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it ended so, if that needs words: a stop's reason, what superseded it.
    pub status_summary: Option<String>,
    /// For a rollback: the execution whose revisions it carries.
    pub rollback_of: Option<ExecutionId>,
    /// All stages of its definition, in order.
    pub stages: Vec<StageView>,
}

impl ExecutionView {
    /// The id of the latest try of `action`.
    pub fn attempt_id(&self, stage: &StageView, action: &ActionView) -> AttemptId {
        AttemptId {
            execution: self.execution_id.clone(),
            stage: stage.name.clone(),
            action: action.name.clone(),
            number: action.attempt,
        }
    }
}

/// A stage of an execution as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageView {
    /// The stage.
    pub name: StageName,
    /// Where it stands.
    pub status: StageStanding,
    /// Why it waits, or why its inbound transition is disabled.
    pub note: Option<String>,
    /// How many executions wait behind this one before the stage.
    pub waiting_behind: u32,
    /// Its actions in run order.
    pub actions: Vec<ActionView>,
}

/// An action of an execution as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionView {
    /// The action.
    pub name: ActionName,
    /// Its category.
    pub category: Category,
    /// Its provider.
    pub provider: String,
    /// Where it stands.
    pub status: ActionStanding,
    /// The latest try, 0 before the first.
    pub attempt: u32,
    /// What happened, in a line: a summary or the error's message.
    pub summary: Option<String>,
    /// The error's code.
    pub error_code: Option<ErrorCode>,
    /// Where to see it: the provider's page, the log, or the approval page that waits for a verdict.
    pub link: Option<String>,
    /// When it was taken up.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// What started an execution, in words.
pub fn trigger_in_words(trigger: &TriggerCause) -> String {
    match &trigger.kind {
        TriggerKind::StartPipelineExecution => format!("started by {}", trigger.detail),
        TriggerKind::Webhook => format!("webhook: {}", trigger.detail),
        TriggerKind::PollForSourceChanges => format!("reconciliation: {}", trigger.detail),
        TriggerKind::CloudWatchEvent => format!("event: {}", trigger.detail),
        TriggerKind::ManualRollback => format!("rolled back by {}", trigger.detail),
        TriggerKind::Other(kind) => format!("{kind}: {}", trigger.detail),
    }
}

/// The revisions that an execution carries, with the source actions that pinned them: first those that its start named, as a
/// push does that sets it off, then the others, each in the definition's order.
pub fn revisions<'a>(execution: &'a Execution, pipeline: &Pipeline) -> Vec<(&'a ActionName, &'a Revision)> {
    let sources = pipeline.first_stage_actions();
    let mut found: Vec<_> =
        sources.filter_map(|action| execution.revisions.get_key_value(&action.name)).collect();
    found.sort_by_key(|(source, _)| !execution.overrides.iter().any(|asked| asked.action == **source));
    found
}

/// The first of [`revisions`].
pub fn first_revision<'a>(execution: &'a Execution, pipeline: &Pipeline) -> Option<&'a Revision> {
    revisions(execution, pipeline).first().map(|(_, revision)| *revision)
}
