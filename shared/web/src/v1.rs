//! `/penstock/v1`: what the command line needs beyond CodePipeline's API. JSON; errors are `{"code", "message"}`.

mod definitions;
mod executions;
mod logs;
mod stages;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::de::DeserializeOwned;

use crate::Web;
use crate::answer::Failure;
use crate::body::{self, BodyError};

pub(crate) use logs::attempt_ended;

/// The largest request body.
const MAX_BODY: usize = 4 << 20;

/// The endpoints below `/penstock/v1`.
pub(crate) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/pipelines", get(definitions::list))
        .route("/apply", post(definitions::apply))
        .route("/pipelines/{pipeline}/executions", get(executions::list))
        .route("/pipelines/{pipeline}/executions/{execution}", get(executions::one))
        .route("/executions/{execution}", get(executions::anywhere))
        .route("/executions/{execution}/attempts", get(executions::attempts))
        .route("/executions/{execution}/logs/{stage}/{action}/{number}", get(logs::read))
        .route("/pipelines/{pipeline}/stages/{stage}/actions/{action}/verdict", post(stages::verdict))
        .route("/pipelines/{pipeline}/stages/{stage}/retry", post(stages::retry))
        .route("/pipelines/{pipeline}/stages/{stage}/rollback", post(stages::rollback))
        .fallback(unknown)
}

async fn unknown() -> Response {
    Failure::not_found("there is no such endpoint below /penstock/v1").into_response()
}

/// The request's JSON; an empty body is an empty object.
async fn request<T: DeserializeOwned>(body: Body) -> Result<T, Failure> {
    let body = bytes(body).await?;
    let text = if body.is_empty() { b"{}" } else { body.as_ref() };
    serde_json::from_slice(text).map_err(|error| {
        Failure::bad_request(format!("the body is not the JSON that this endpoint takes: {error}"))
    })
}

async fn bytes(body: Body) -> Result<axum::body::Bytes, Failure> {
    body::read(body, MAX_BODY).await.map_err(|error| match error {
        BodyError::TooLarge => Failure::new(
            axum::http::StatusCode::PAYLOAD_TOO_LARGE,
            "TooLarge",
            format!("the request has more than {MAX_BODY} bytes"),
        ),
        BodyError::Broken => Failure::bad_request("the request's body ended early"),
    })
}
