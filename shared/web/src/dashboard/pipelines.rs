//! `/`: all pipelines with their state.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};
use penstock_app::engine::state::PipelineState;
use penstock_app::error::AppError;
use penstock_app::view::ExecutionView;

use super::live::{self, Drawn};
use super::{flow, tone};
use crate::Web;
use crate::answer::Failure;
use crate::page;
use crate::plain;

/// `GET /`.
pub(crate) async fn pipelines(State(web): State<Arc<Web>>, headers: HeaderMap) -> Response {
    live::respond(&web, &headers, || draw(&web)).await
}

async fn draw(web: &Web) -> Result<Drawn, Failure> {
    let mut states = web.query.pipelines().await?;
    states.sort_by(|a, b| a.name.cmp(&b.name));
    let mut rows = Vec::with_capacity(states.len());
    for state in states {
        let latest = latest(web, &state).await?;
        rows.push((state, latest));
    }
    let moving =
        rows.iter().filter_map(|(_, latest)| latest.as_ref()).filter(|view| flow::moves(view)).count();
    let content = html! {
        div class="title" data-part="title" { h1 { "Pipelines" } }
        @if rows.is_empty() { (empty()) } @else {
            ul class="list" data-part="list" { @for (state, latest) in &rows { (row(state, latest.as_ref())) } }
        }
    };
    let says = format!("{} pipelines, {moving} in progress", rows.len());
    Ok(Drawn { title: "Pipelines".into(), crumbs: Vec::new(), content, moving: moving > 0, says })
}

async fn latest(web: &Web, state: &PipelineState) -> Result<Option<ExecutionView>, Failure> {
    match web.query.execution(&state.name, None).await {
        Ok(view) => Ok(Some(view)),
        Err(AppError::NotFound(_) | AppError::Rejected(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn row(state: &PipelineState, latest: Option<&ExecutionView>) -> Markup {
    let closed = state.stages.iter().filter(|(_, stage)| stage.disabled.is_some());
    let closed: Vec<&str> = closed.map(|(name, _)| name.as_str()).collect();
    html! {
        li class="card" {
            header {
                h2 { a href={ "/pipelines/" (state.name) } { (state.name) } }
                @match latest { Some(view) => (tone::pill(view.status)), None => span class="pill idle" { "No execution yet" } }
                @if !closed.is_empty() { span class="pill wait" { "Closed before " (closed.join(", ")) } }
            }
            @if let Some(view) = latest {
                ul class="facts" { li { (flow::headline(view)) } li { (plain::short(&view.trigger, 120)) } li { (page::moment(view.started_at)) } }
                (flow::line(view))
            }
        }
    }
}

fn empty() -> Markup {
    html! {
        div class="card empty" data-part="list" {
            h2 { "No pipeline yet" }
            p class="quiet" { "Define one and it shows here:" }
            pre class="log" { "penstock new\npenstock apply penstock.yml" }
        }
    }
}
