//! Pipelines and their definitions.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use penstock_app::engine::rejection::Rejection;
use penstock_app::error::AppError;
use penstock_model::definition;
use penstock_model::diagnostic::Diagnostic;
use penstock_model::id::{DefinitionVersion, PipelineName};
use penstock_model::time::Timestamp;
use serde::Serialize;

use crate::Web;
use crate::answer::Failure;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    name: PipelineName,
    version: DefinitionVersion,
    updated_at: Timestamp,
    /// Why nothing starts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
}

pub(super) async fn list(State(web): State<Arc<Web>>) -> Result<Json<Vec<Listed>>, Failure> {
    let mut states = web.query.pipelines().await?;
    states.sort_by(|a, b| a.name.cmp(&b.name));
    let mut shown = Vec::with_capacity(states.len());
    for state in states {
        let refusal = web.control.refusal(&state).await;
        let (name, version, updated_at) = (state.name.clone(), state.definition, state.updated_at);
        shown.push(Listed { name, version, updated_at, refusal });
    }
    Ok(Json(shown))
}

#[derive(Serialize)]
pub(super) struct Applied {
    name: PipelineName,
    version: DefinitionVersion,
    created: bool,
    unchanged: bool,
    diagnostics: Vec<Diagnostic>,
}

/// Creates or updates the pipeline whose definition file is the body.
pub(super) async fn apply(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Applied>, Failure> {
    let body = super::bytes(body).await?;
    let text = std::str::from_utf8(&body)
        .map_err(|_| Failure::bad_request("the definition is not UTF-8; save it as UTF-8"))?;
    let parsed = definition::parse(text);
    let mut diagnostics = parsed.diagnostics;
    let Some(pipeline) = parsed.pipeline else {
        return Err(Failure::refused(diagnostics));
    };
    let name = pipeline.name.clone();
    let before = latest(&web, &name).await?;
    let by = headers.get("penstock-user").and_then(|value| value.to_str().ok()).unwrap_or("api");
    match web.control.apply(pipeline, by).await {
        Ok((version, more)) => {
            diagnostics.extend(more);
            let (created, unchanged) = (before.is_none(), before == Some(version));
            Ok(Json(Applied { name, version, created, unchanged, diagnostics }))
        }
        Err(AppError::Refused(more)) => {
            diagnostics.extend(more);
            Err(Failure::refused(diagnostics))
        }
        Err(error) => Err(error.into()),
    }
}

/// The pipeline's version, if there is one.
async fn latest(web: &Web, name: &PipelineName) -> Result<Option<DefinitionVersion>, Failure> {
    match web.query.definition(name, None).await {
        Ok((_, _, version)) => Ok(Some(version)),
        Err(AppError::NotFound(_) | AppError::Rejected(Rejection::PipelineNotFound { .. })) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
