//! The dashboard: pipelines, one pipeline, one execution, a log. Pages change nothing and keep themselves up to date.

mod execution;
mod flow;
mod live;
mod log;
mod pipeline;
mod pipelines;
mod tone;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::Web;

pub(crate) use pipelines::pipelines;

/// The dashboard's pages below `/pipelines`.
pub(crate) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/pipelines/{pipeline}", get(pipeline::show))
        .route("/pipelines/{pipeline}/executions/{execution}", get(execution::show))
        .route("/pipelines/{pipeline}/executions/{execution}/logs/{stage}/{action}/{number}", get(log::show))
}
