//! Shapes that several operations answer with, filled from the stored state.

use penstock_app::engine::state::{Execution, ExecutionKind, TriggerCause};
use penstock_model::id::{ActionName, ExecutionId};
use penstock_model::time::Timestamp;
use serde::Serialize;

use crate::plain;

/// `ExecutionTrigger`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Trigger {
    trigger_type: String,
    trigger_detail: String,
}

impl Trigger {
    /// The model's limit of `triggerDetail`.
    const MAX_DETAIL: usize = 1024;

    pub(crate) fn of(cause: &TriggerCause) -> Self {
        Self {
            trigger_type: cause.kind.to_string(),
            trigger_detail: plain::short(&cause.detail, Self::MAX_DETAIL),
        }
    }
}

/// `SourceRevision`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SourceRevision {
    action_name: ActionName,
    revision_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_summary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_url: Option<String>,
}

impl SourceRevision {
    pub(crate) fn all(execution: &Execution) -> Vec<Self> {
        execution
            .revisions
            .iter()
            .map(|(action, revision)| Self {
                action_name: action.clone(),
                revision_id: revision.id.clone(),
                revision_summary: revision.summary.clone().filter(|text| !text.is_empty()),
                revision_url: revision.url.clone(),
            })
            .collect()
    }
}

/// `PipelineRollbackMetadata`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rollback {
    rollback_target_pipeline_execution_id: ExecutionId,
}

impl Rollback {
    pub(crate) fn of(execution: &Execution) -> Option<Self> {
        match &execution.kind {
            ExecutionKind::Standard => None,
            ExecutionKind::Rollback { target, .. } => {
                Some(Self { rollback_target_pipeline_execution_id: target.clone() })
            }
        }
    }
}

/// `ExecutionType`.
pub(crate) fn execution_type(execution: &Execution) -> &'static str {
    match &execution.kind {
        ExecutionKind::Standard => "STANDARD",
        ExecutionKind::Rollback { .. } => "ROLLBACK",
    }
}

/// `PipelineExecutionStatusSummary`: why it stands where it stands, if that needs words.
pub(crate) fn status_summary(execution: &Execution) -> Option<String> {
    execution.stop.as_ref().map(|stop| stop.reason.clone()).filter(|reason| !reason.is_empty())
}

/// When something of `execution` last changed.
pub(crate) fn last_update(execution: &Execution) -> Timestamp {
    let attempts = execution.stages.iter().flat_map(|stage| stage.actions.values());
    let moments =
        attempts.flat_map(|attempt| [Some(attempt.scheduled_at), attempt.started_at, attempt.ended_at]);
    let stages = execution.stages.iter().flat_map(|stage| [Some(stage.entered_at), stage.ended_at]);
    let own = [Some(execution.started_at), execution.ended_at, execution.stop.as_ref().map(|stop| stop.at)];
    moments.chain(stages).chain(own).flatten().max().unwrap_or(execution.started_at)
}

/// `ErrorDetails`.
#[derive(Serialize)]
pub(crate) struct ErrorDetails {
    pub(crate) code: String,
    pub(crate) message: String,
}
