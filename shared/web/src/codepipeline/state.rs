//! `GetPipelineState`: where a pipeline stands now, stage by stage of its latest definition.

use std::collections::BTreeMap;
use std::sync::Arc;

use penstock_app::engine::state::{
    Attempt, Execution, PipelineState, Position, StageRun, StageState, StageStatus,
};
use penstock_app::view::ActionStanding;
use penstock_model::id::{ActionName, AttemptId, ExecutionId, PipelineName, StageName};
use penstock_model::pipeline::{Action, Category, Pipeline, Stage};
use serde::Serialize;

use super::error::ApiError;
use super::operation::{Answer, Call};
use super::protocol::Moment;
use super::shapes::{ErrorDetails, execution_type};
use crate::Web;
use crate::plain;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Got {
    pipeline_name: PipelineName,
    pipeline_version: u32,
    stage_states: Vec<ShownStage>,
    created: Moment,
    updated: Moment,
}

/// `StageState`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownStage {
    stage_name: StageName,
    #[serde(skip_serializing_if = "Option::is_none")]
    inbound_execution: Option<StageExecution>,
    inbound_executions: Vec<StageExecution>,
    inbound_transition_state: TransitionState,
    action_states: Vec<ActionState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_execution: Option<StageExecution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_stage_metadata: Option<RetryMetadata>,
}

/// `StageExecution`.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct StageExecution {
    pipeline_execution_id: ExecutionId,
    status: StageStatus,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// `TransitionState`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TransitionState {
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_changed_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_changed_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_reason: Option<String>,
}

/// `RetryStageMetadata`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RetryMetadata {
    manual_stage_retry_attempt: u32,
    latest_retry_trigger: &'static str,
}

/// `ActionState`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ActionState {
    action_name: ActionName,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_revision: Option<ActionRevision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_execution: Option<ActionExecution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_url: Option<String>,
}

/// `ActionRevision`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ActionRevision {
    revision_id: String,
    revision_change_id: String,
    created: Moment,
}

/// `ActionExecution`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ActionExecution {
    action_execution_id: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    last_status_change: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_updated_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_execution_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_execution_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_details: Option<ErrorDetails>,
}

/// The model's limit of a summary.
const MAX_SUMMARY: usize = 2048;

pub(crate) async fn get(call: Call<'_>) -> Answer {
    let name: PipelineName = call.input.id("name")?;
    let standing = Standing::read(call.web, &name).await?;
    let stage_states = standing.definition.stages.iter().map(|stage| standing.stage(stage)).collect();
    call.answer(&Got {
        pipeline_name: name,
        pipeline_version: standing.pipeline.definition.0,
        stage_states,
        created: Moment(standing.pipeline.created_at),
        updated: Moment(standing.pipeline.updated_at),
    })
}

/// All that the answer is made of.
struct Standing<'a> {
    web: &'a Web,
    pipeline: Arc<PipelineState>,
    definition: Arc<Pipeline>,
    executions: BTreeMap<ExecutionId, Arc<Execution>>,
}

impl<'a> Standing<'a> {
    /// Reads the open executions and, closed or not, the one that entered each stage last.
    async fn read(web: &'a Web, name: &PipelineName) -> Result<Self, ApiError> {
        let (snapshot, definition) = web.query.pipeline_snapshot(name).await?;
        let missing = || ApiError::new("PipelineNotFoundException", format!("there is no pipeline `{name}`"));
        let pipeline = snapshot.state.pipeline.ok_or_else(missing)?;
        let mut executions = snapshot.state.executions;
        for latest in pipeline.stages.values().filter_map(|stage| stage.latest.as_ref()) {
            if !executions.contains_key(latest) {
                executions.insert(latest.clone(), web.query.raw_execution(name, latest).await?);
            }
        }
        Ok(Self { web, pipeline, definition, executions })
    }

    fn stage(&self, stage: &Stage) -> ShownStage {
        let known = self.pipeline.stages.get(&stage.name);
        let latest = known.and_then(|known| self.executions.get(known.latest.as_ref()?));
        let run = latest.and_then(|execution| Some((execution, execution.stage(&stage.name)?)));
        let inbound_executions = self.inbound(&stage.name);
        ShownStage {
            stage_name: stage.name.clone(),
            inbound_execution: inbound_executions.last().cloned(),
            inbound_executions,
            inbound_transition_state: transition(known),
            action_states: stage.actions.iter().map(|action| self.action(stage, action, run)).collect(),
            latest_execution: run.map(|(execution, run)| StageExecution {
                pipeline_execution_id: execution.id.clone(),
                status: run.status,
                kind: execution_type(execution),
            }),
            retry_stage_metadata: run.filter(|(_, run)| run.retries > 0).map(|(_, run)| RetryMetadata {
                manual_stage_retry_attempt: run.retries,
                latest_retry_trigger: "ManualStageRetry",
            }),
        }
    }

    /// The executions that wait before `stage`, oldest first.
    fn inbound(&self, stage: &StageName) -> Vec<StageExecution> {
        let mut waiting: Vec<&Arc<Execution>> = self
            .executions
            .values()
            .filter(|execution| matches!(&execution.position, Position::Waiting { stage: before, .. } if before == stage))
            .collect();
        waiting.sort_by_key(|execution| execution.sequence);
        let shown = |execution: &&Arc<Execution>| StageExecution {
            pipeline_execution_id: execution.id.clone(),
            status: StageStatus::InProgress,
            kind: execution_type(execution),
        };
        waiting.iter().map(shown).collect()
    }

    fn action(
        &self,
        stage: &Stage,
        action: &Action,
        run: Option<(&Arc<Execution>, &StageRun)>,
    ) -> ActionState {
        let attempt = run.and_then(|(execution, run)| Some((execution, run.actions.get(&action.name)?)));
        let revision =
            run.and_then(|(execution, _)| Some((execution, execution.revisions.get(&action.name)?)));
        ActionState {
            action_name: action.name.clone(),
            current_revision: revision.map(|(execution, revision)| ActionRevision {
                revision_id: revision.id.clone(),
                revision_change_id: plain::short(&revision.id, 100),
                created: Moment(execution.started_at),
            }),
            latest_execution: attempt.map(|(execution, attempt)| {
                let id = execution.attempt_id(&stage.name, &action.name, attempt.number);
                self.attempt(&id, action, attempt)
            }),
            entity_url: attempt.and_then(|(_, attempt)| attempt.external.as_ref()?.url.clone()),
            revision_url: revision.and_then(|(_, revision)| revision.url.clone()),
        }
    }

    fn attempt(&self, id: &AttemptId, action: &Action, attempt: &Attempt) -> ActionExecution {
        let waits = action.action_type_id.category == Category::Approval && !attempt.status.is_terminal();
        let error = attempt.error.as_ref();
        let verdict = attempt.verdict.as_ref();
        let said = verdict.map(|verdict| verdict.comment.clone()).filter(|comment| !comment.is_empty());
        ActionExecution {
            action_execution_id: id.token(),
            status: ActionStanding::from(attempt.status).as_str(),
            summary: said.or_else(|| attempt.summary.clone()).map(|text| plain::short(&text, MAX_SUMMARY)),
            last_status_change: Moment(
                attempt.ended_at.or(attempt.started_at).unwrap_or(attempt.scheduled_at),
            ),
            token: waits.then(|| self.web.approvals.api_token(id)),
            last_updated_by: verdict.map(|verdict| verdict.by.clone()),
            external_execution_id: attempt.external.as_ref().map(|external| external.id.clone()),
            external_execution_url: attempt.external.as_ref().and_then(|external| external.url.clone()),
            error_details: error
                .map(|error| ErrorDetails { code: error.code.to_string(), message: error.message.clone() }),
        }
    }
}

fn transition(known: Option<&StageState>) -> TransitionState {
    match known.and_then(|known| known.disabled.as_ref()) {
        None => TransitionState {
            enabled: true,
            last_changed_by: None,
            last_changed_at: None,
            disabled_reason: None,
        },
        Some(disabled) => TransitionState {
            enabled: false,
            last_changed_by: Some(disabled.by.clone()),
            last_changed_at: Some(Moment(disabled.at)),
            disabled_reason: Some(disabled.reason.clone()),
        },
    }
}
