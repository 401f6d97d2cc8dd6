//! One router: CodePipeline's API, approval pages, the dashboard, webhooks, deployed sites.

mod answer;
mod approval;
mod assets;
mod body;
mod codepipeline;
mod dashboard;
mod etag;
mod guard;
mod headers;
mod page;
mod plain;
mod request_id;
mod sites;
mod v1;
mod webhook;

use std::path::PathBuf;
use std::sync::Arc;

pub use approval::approval_router;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::routing::{get, post};
pub use guard::is_foreign;
use penstock_app::approvals::Approvals;
use penstock_app::control::Control;
use penstock_app::delivery::{Deliveries, Webhook};
use penstock_app::jobs::Jobs;
use penstock_app::query::Query;

/// What the router needs.
#[derive(Clone)]
pub struct Web {
    /// People's commands.
    pub control: Arc<Control>,
    /// What people look at.
    pub query: Arc<Query>,
    /// Answers of invoked functions.
    pub jobs: Arc<Jobs>,
    /// Approvals by link.
    pub approvals: Arc<Approvals>,
    /// What takes webhooks; `None`: they are taken elsewhere.
    pub webhooks: Option<Webhooks>,
    /// The folder whose subfolders are served under `/sites/`; `None`: none are.
    pub sites: Option<PathBuf>,
    /// Names under which the server is reached besides `localhost` and IP addresses: the host of its base URL.
    pub hosts: Vec<String>,
    /// The account in ARNs, 12 digits.
    pub account: String,
    /// The region in ARNs.
    pub region: String,
}

/// What takes webhooks.
#[derive(Clone)]
pub struct Webhooks {
    /// Webhook deliveries.
    pub deliveries: Arc<Deliveries>,
    /// Checks and reads a delivery's body.
    pub webhook: Arc<dyn Webhook>,
}

/// The router that serves `web`.
pub fn router(web: Web) -> Router {
    let web = Arc::new(web);
    let router = Router::new()
        .route("/", get(dashboard::pipelines).post(codepipeline::json))
        .route("/jobs", post(codepipeline::jobs))
        .route("/service/{service}/operation/{operation}", post(codepipeline::rpc))
        .route("/healthz", get(healthz))
        .route("/assets/{name}", get(assets::serve))
        .route("/favicon.ico", get(assets::favicon))
        .merge(dashboard::routes())
        .merge(approval::routes(Arc::clone(&web.approvals)))
        .nest("/penstock/v1", v1::routes())
        .nest("/sites", sites::routes());
    let router = match web.webhooks.clone() {
        Some(webhooks) => router.merge(webhook::routes(webhooks)),
        None => router,
    };
    let router = router
        .fallback(page::not_found)
        .layer(from_fn_with_state(Arc::clone(&web), guard::check))
        .layer(from_fn(headers::add))
        .with_state(web);
    // Which methods an address takes is known only outside of all that.
    Router::new().fallback_service(router).layer(map_response(answer::name_allowed))
}

/// Whether the server answers.
async fn healthz() -> &'static str {
    "ok\n"
}
