//! The log of an attempt, as far as it goes: a client follows it by asking again from where it stopped.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use penstock_app::engine::state::Execution;
use penstock_model::id::{AttemptId, PipelineName};
use serde::Deserialize;

use crate::Web;
use crate::answer::Failure;

/// The most that one answer holds.
const MAX_CHUNK: usize = 256 << 10;

#[derive(Deserialize)]
pub(super) struct From {
    #[serde(default)]
    offset: u64,
}

/// Raw bytes from `offset`. `penstock-next-offset` says where to go on, `penstock-ended` that nothing will follow.
pub(super) async fn read(
    State(web): State<Arc<Web>>,
    Path((execution, stage, action, number)): Path<(String, String, String, u32)>,
    Query(from): Query<From>,
) -> Result<Response, Failure> {
    let attempt =
        AttemptId { execution: execution.parse()?, stage: stage.parse()?, action: action.parse()?, number };
    let pipeline = web.query.pipeline_of(&attempt.execution).await?;
    // Asked before the bytes are read: what is written until then is read as well.
    let ended = ended(&web, &pipeline, &attempt).await?;
    let chunk = web.query.log(&attempt, from.offset, MAX_CHUNK).await?;
    let next = from.offset + u64::try_from(chunk.len()).unwrap_or(0);
    let headers = [
        ("penstock-next-offset", next.to_string()),
        ("penstock-ended", (ended && chunk.len() < MAX_CHUNK).to_string()),
    ];
    Ok((headers, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], chunk).into_response())
}

async fn ended(web: &Web, pipeline: &PipelineName, attempt: &AttemptId) -> Result<bool, Failure> {
    let execution = web.query.raw_execution(pipeline, &attempt.execution).await?;
    Ok(attempt_ended(&execution, attempt))
}

/// Whether nothing more will be written: the attempt has ended, a later one has begun, or it will never begin.
pub(crate) fn attempt_ended(execution: &Execution, attempt: &AttemptId) -> bool {
    let latest = execution.stage(&attempt.stage).and_then(|run| run.actions.get(&attempt.action));
    match latest {
        Some(latest) => {
            latest.number > attempt.number || latest.number == attempt.number && latest.status.is_terminal()
        }
        None => execution.status.is_terminal(),
    }
}
