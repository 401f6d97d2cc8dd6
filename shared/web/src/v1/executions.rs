//! Executions as people see them, and what became of every attempt.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use penstock_app::engine::AttemptHistory;
use penstock_app::engine::state::Attempt;
use penstock_app::view::ExecutionView;
use penstock_model::id::{AttemptId, ExecutionId, PipelineName};
use serde::{Deserialize, Serialize};

use crate::Web;
use crate::answer::Failure;

#[derive(Deserialize)]
pub(super) struct Page {
    limit: Option<usize>,
}

/// Newest first.
pub(super) async fn list(
    State(web): State<Arc<Web>>,
    Path(pipeline): Path<String>,
    Query(page): Query<Page>,
) -> Result<Json<Vec<ExecutionView>>, Failure> {
    let pipeline: PipelineName = pipeline.parse()?;
    web.query.definition(&pipeline, None).await?;
    let executions = web.query.executions(&pipeline, None, page.limit.unwrap_or(20).clamp(1, 200)).await?;
    let mut views = Vec::with_capacity(executions.len());
    for execution in executions {
        views.push(web.query.execution(&pipeline, Some(&execution.id)).await?);
    }
    Ok(Json(views))
}

/// One execution of a pipeline; `latest` is the newest.
pub(super) async fn one(
    State(web): State<Arc<Web>>,
    Path((pipeline, execution)): Path<(String, String)>,
) -> Result<Json<ExecutionView>, Failure> {
    let pipeline: PipelineName = pipeline.parse()?;
    let execution: Option<ExecutionId> = if execution == "latest" { None } else { Some(execution.parse()?) };
    Ok(Json(web.query.execution(&pipeline, execution.as_ref()).await?))
}

/// One execution of whichever pipeline.
pub(super) async fn anywhere(
    State(web): State<Arc<Web>>,
    Path(execution): Path<String>,
) -> Result<Json<ExecutionView>, Failure> {
    let execution: ExecutionId = execution.parse()?;
    let pipeline = web.query.pipeline_of(&execution).await?;
    Ok(Json(web.query.execution(&pipeline, Some(&execution)).await?))
}

/// What became of an attempt.
#[derive(Serialize)]
pub(super) struct Shown {
    id: AttemptId,
    attempt: Attempt,
}

/// Every attempt of an execution, oldest first.
pub(super) async fn attempts(
    State(web): State<Arc<Web>>,
    Path(execution): Path<String>,
) -> Result<Json<Vec<Shown>>, Failure> {
    let execution: ExecutionId = execution.parse()?;
    let pipeline = web.query.pipeline_of(&execution).await?;
    let attempts = web.query.attempts(&pipeline, &execution).await?;
    Ok(Json(attempts.into_iter().map(|AttemptHistory { id, attempt }| Shown { id, attempt }).collect()))
}
