//! Start, stop, get and list executions.

use std::collections::BTreeMap;
use std::sync::Arc;

use penstock_app::control::StartRequest;
use penstock_app::engine::state::{
    Execution, ExecutionStatus, RevisionKind, RevisionOverride, StageStatus, TriggerCause, TriggerKind,
};
use penstock_model::id::{ExecutionId, PipelineName, StageName};
use penstock_model::pipeline::{ExecutionMode, Pipeline};
use serde::Serialize;

use super::error::ApiError;
use super::input::Input;
use super::operation::{Answer, Call};
use super::protocol::Moment;
use super::shapes::{Rollback, SourceRevision, Trigger, execution_type, last_update, status_summary};
use super::token;

/// `pipelineExecutionId`, all that starting, stopping, retrying and rolling back answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Started {
    pub(crate) pipeline_execution_id: ExecutionId,
}

pub(crate) async fn start(call: Call<'_>) -> Answer {
    let request = StartRequest {
        pipeline: call.input.id("name")?,
        variables: variables(call.input)?,
        overrides: overrides(call.input)?,
        token: client_token(call.input)?,
        trigger: TriggerCause {
            kind: TriggerKind::StartPipelineExecution,
            detail: call.by.clone(),
            delivery: None,
            reference: None,
        },
    };
    let id = call.web.control.start(request).await?;
    call.answer(&Started { pipeline_execution_id: id })
}

fn variables(input: Input<'_>) -> Result<BTreeMap<String, String>, ApiError> {
    let given = input.structures("variables")?;
    given
        .into_iter()
        .map(|one| Ok((one.required_text("name")?.into(), one.required_text("value")?.into())))
        .collect()
}

fn overrides(input: Input<'_>) -> Result<Vec<RevisionOverride>, ApiError> {
    const KINDS: [(&str, RevisionKind); 4] = [
        ("COMMIT_ID", RevisionKind::CommitId),
        ("IMAGE_DIGEST", RevisionKind::ImageDigest),
        ("S3_OBJECT_VERSION_ID", RevisionKind::S3ObjectVersionId),
        ("S3_OBJECT_KEY", RevisionKind::S3ObjectKey),
    ];
    let given = input.structures("sourceRevisions")?;
    let read = |one: Input<'_>| {
        Ok(RevisionOverride {
            action: one.id("actionName")?,
            kind: one.one_of("revisionType", &KINDS)?,
            value: one.required_text("revisionValue")?.into(),
        })
    };
    given.into_iter().map(read).collect()
}

fn client_token(input: Input<'_>) -> Result<Option<String>, ApiError> {
    let Some(token) = input.text_within("clientRequestToken", 128)? else {
        return Ok(None);
    };
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(ApiError::validation(
            "`clientRequestToken` takes 1 to 128 of the characters A-Z a-z 0-9 -",
        ));
    }
    Ok(Some(token.to_owned()))
}

pub(crate) async fn stop(call: Call<'_>) -> Answer {
    let pipeline: PipelineName = call.input.id("pipelineName")?;
    let execution: ExecutionId = call.input.id("pipelineExecutionId")?;
    let reason = call.input.text_within("reason", 200)?.unwrap_or_default();
    call.web
        .control
        .stop(&pipeline, &execution, call.input.flag("abandon")?, reason, &call.by)
        .await
        .map_err(not_stoppable)?;
    call.answer(&Started { pipeline_execution_id: execution })
}

/// `StopPipelineExecution` has no exception of its own for an execution that does not exist.
fn not_stoppable(error: penstock_app::error::AppError) -> ApiError {
    let error = ApiError::from(error);
    if error.code() == "PipelineExecutionNotFoundException" {
        return ApiError::new("PipelineExecutionNotStoppableException", error.message());
    }
    error
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Got {
    pipeline_execution: Whole,
}

/// `PipelineExecution`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole {
    pipeline_name: PipelineName,
    pipeline_version: u32,
    pipeline_execution_id: ExecutionId,
    status: ExecutionStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_summary: Option<String>,
    artifact_revisions: Vec<ArtifactRevision>,
    variables: Vec<Resolved>,
    trigger: Trigger,
    execution_mode: ExecutionMode,
    execution_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rollback_metadata: Option<Rollback>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactRevision {
    name: String,
    revision_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_summary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_url: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resolved {
    name: String,
    resolved_value: String,
}

pub(crate) async fn get(call: Call<'_>) -> Answer {
    let name: PipelineName = call.input.id("pipelineName")?;
    let id: ExecutionId = call.input.id("pipelineExecutionId")?;
    let query = &call.web.query;
    query.definition(&name, None).await?;
    let execution = query.raw_execution(&name, &id).await?;
    let (_, pipeline, _) = query.definition(&name, Some(execution.definition)).await?;
    call.answer(&Got { pipeline_execution: whole(&execution, &pipeline) })
}

fn whole(execution: &Execution, pipeline: &Pipeline) -> Whole {
    let resolved =
        |(name, value): (&String, &String)| Resolved { name: name.clone(), resolved_value: value.clone() };
    Whole {
        pipeline_name: execution.pipeline.clone(),
        pipeline_version: execution.definition.0,
        pipeline_execution_id: execution.id.clone(),
        status: execution.status,
        status_summary: status_summary(execution),
        artifact_revisions: artifact_revisions(execution, pipeline),
        variables: execution.variables.iter().map(resolved).collect(),
        trigger: Trigger::of(&execution.trigger),
        execution_mode: execution.mode,
        execution_type: execution_type(execution),
        rollback_metadata: Rollback::of(execution),
    }
}

/// The revisions under the names of the artifacts that the source actions made of them.
fn artifact_revisions(execution: &Execution, pipeline: &Pipeline) -> Vec<ArtifactRevision> {
    let actions = pipeline.stages.iter().flat_map(|stage| &stage.actions);
    let sources = actions.filter_map(|action| Some((action, execution.revisions.get(&action.name)?)));
    let shown = sources.map(|(action, revision)| ArtifactRevision {
        name: action
            .output_artifacts
            .first()
            .map_or_else(|| action.name.to_string(), |artifact| artifact.name.to_string()),
        revision_id: revision.id.clone(),
        revision_summary: revision.summary.clone().filter(|text| !text.is_empty()),
        revision_url: revision.url.clone(),
    });
    shown.collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    pipeline_execution_summaries: Vec<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// `PipelineExecutionSummary`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    pipeline_execution_id: ExecutionId,
    status: ExecutionStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_summary: Option<String>,
    start_time: Moment,
    last_update_time: Moment,
    source_revisions: Vec<SourceRevision>,
    trigger: Trigger,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_trigger: Option<StopTrigger>,
    execution_mode: ExecutionMode,
    execution_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rollback_metadata: Option<Rollback>,
}

#[derive(Serialize)]
struct StopTrigger {
    reason: String,
}

fn summary(execution: &Execution) -> Summary {
    Summary {
        pipeline_execution_id: execution.id.clone(),
        status: execution.status,
        status_summary: status_summary(execution),
        start_time: Moment(execution.started_at),
        last_update_time: Moment(last_update(execution)),
        source_revisions: SourceRevision::all(execution),
        trigger: Trigger::of(&execution.trigger),
        stop_trigger: execution.stop.as_ref().map(|stop| StopTrigger { reason: stop.reason.clone() }),
        execution_mode: execution.mode,
        execution_type: execution_type(execution),
        rollback_metadata: Rollback::of(execution),
    }
}

/// How many executions one request looks at in search of those that a filter lets through.
const MAX_SCANNED: usize = 2000;

/// Newest first; a token holds the admission number of the last execution that was looked at.
pub(crate) async fn list(call: Call<'_>) -> Answer {
    let name: PipelineName = call.input.id("pipelineName")?;
    let limit = usize::try_from(call.input.count("maxResults", 100)?.unwrap_or(100)).unwrap_or(100);
    let stage = succeeded_in(call.input)?;
    let list = format!("executions/{name}/{}", stage.as_ref().map_or("", StageName::as_str));
    let mut before = token::number(call.input, &list)?;
    call.web.query.definition(&name, None).await?;
    let mut found: Vec<Arc<Execution>> = Vec::new();
    let mut scanned = 0;
    let more = loop {
        let page = call.web.query.executions(&name, before, limit + 1).await?;
        let last_page = page.len() <= limit;
        let mut unseen = page.into_iter();
        for execution in unseen.by_ref() {
            scanned += 1;
            before = Some(execution.sequence);
            if stage.as_ref().is_none_or(|stage| succeeded(&execution, stage)) {
                found.push(execution);
            }
            if found.len() == limit {
                break;
            }
        }
        if found.len() == limit || last_page || scanned >= MAX_SCANNED {
            break unseen.next().is_some() || !last_page;
        }
    };
    let next_token = before.filter(|_| more).map(|before| token::write(&list, &before.to_string()));
    call.answer(&Listed {
        pipeline_execution_summaries: found.iter().map(|execution| summary(execution)).collect(),
        next_token,
    })
}

fn succeeded_in(input: Input<'_>) -> Result<Option<StageName>, ApiError> {
    let Some(filter) = input.structure("filter")? else {
        return Ok(None);
    };
    let Some(filter) = filter.structure("succeededInStage")? else {
        return Ok(None);
    };
    filter.optional_id("stageName")
}

fn succeeded(execution: &Execution, stage: &StageName) -> bool {
    execution.stage(stage).is_some_and(|run| run.status == StageStatus::Succeeded)
}
