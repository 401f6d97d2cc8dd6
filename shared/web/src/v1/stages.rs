//! Verdicts, retries and rollbacks by whoever may call the API: their name is the caller's, never the body's.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use penstock_app::control::GivenVerdict;
use penstock_app::engine::command::RetryActions;
use penstock_model::id::{ActionName, ExecutionId, PipelineName, StageName};
use penstock_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Web;
use crate::answer::Failure;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Verdict {
    approved: bool,
    /// Where several executions wait: which.
    execution_id: Option<ExecutionId>,
    #[serde(default)]
    comment: String,
}

#[derive(Serialize)]
pub(super) struct Taken {
    at: Timestamp,
}

/// Whoever may call the API may decide, and needs no token: they are on the server's machine, or signed the request.
pub(super) async fn verdict(
    State(web): State<Arc<Web>>,
    Path((pipeline, stage, action)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Taken>, Failure> {
    let (pipeline, stage): (PipelineName, StageName) = (pipeline.parse()?, stage.parse()?);
    let action: ActionName = action.parse()?;
    let verdict: Verdict = super::request(body).await?;
    let (by, control) = (by(&headers), &web.control);
    let Verdict { approved, execution_id, comment } = verdict;
    let given = GivenVerdict { approved, by, comment: &comment };
    let at = match execution_id {
        None => control.verdict(&pipeline, &stage, &action, None, given).await?,
        Some(execution) => control.verdict_in(&pipeline, &execution, &stage, &action, given).await?,
    };
    Ok(Json(Taken { at }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Retry {
    execution_id: Option<ExecutionId>,
    actions: Option<RetryActions>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Started {
    execution_id: ExecutionId,
}

/// Without an execution: the latest that failed in the stage.
pub(super) async fn retry(
    State(web): State<Arc<Web>>,
    Path((pipeline, stage)): Path<(String, String)>,
    body: Body,
) -> Result<Json<Started>, Failure> {
    let (pipeline, stage): (PipelineName, StageName) = (pipeline.parse()?, stage.parse()?);
    let retry: Retry = super::request(body).await?;
    let actions = retry.actions.unwrap_or(RetryActions::FailedActions);
    let execution = checked(retry.execution_id)?;
    let execution_id = web.control.retry(&pipeline, execution, &stage, actions).await?;
    Ok(Json(Started { execution_id }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rollback {
    execution_id: Option<ExecutionId>,
}

/// Without an execution: to the latest success before the one there now.
pub(super) async fn rollback(
    State(web): State<Arc<Web>>,
    Path((pipeline, stage)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Started>, Failure> {
    let (pipeline, stage): (PipelineName, StageName) = (pipeline.parse()?, stage.parse()?);
    let rollback: Rollback = super::request(body).await?;
    let target = checked(rollback.execution_id)?;
    let execution_id = web.control.rollback(&pipeline, &stage, target, by(&headers)).await?;
    Ok(Json(Started { execution_id }))
}

/// Deserialising an id checks nothing.
fn checked(id: Option<ExecutionId>) -> Result<Option<ExecutionId>, Failure> {
    id.map(|id| ExecutionId::new(id.as_str()).map_err(Failure::from)).transpose()
}

fn by(headers: &HeaderMap) -> &str {
    headers.get("penstock-user").and_then(|value| value.to_str().ok()).unwrap_or("api")
}
