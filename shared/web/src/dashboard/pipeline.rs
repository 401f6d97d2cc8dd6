//! `/pipelines/NAME`: what a pipeline does now, what is closed, and its recent executions.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};
use penstock_app::engine::state::{Execution, PipelineState};
use penstock_app::view::ExecutionView;
use penstock_model::id::PipelineName;
use penstock_model::pipeline::{ExecutionMode, Pipeline};

use super::live::{self, Drawn};
use super::{flow, tone};
use crate::Web;
use crate::answer::Failure;
use crate::page;
use crate::plain;

/// How many executions the page lists.
const RECENT: usize = 20;
/// How many executions under way it draws.
const DRAWN: usize = 5;

pub(super) async fn show(
    State(web): State<Arc<Web>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    live::respond(&web, &headers, || draw(&web, &name)).await
}

async fn draw(web: &Web, name: &str) -> Result<Drawn, Failure> {
    let name: PipelineName = name.parse()?;
    let (state, definition, _) = web.query.definition(&name, None).await?;
    let recent = web.query.executions(&name, None, RECENT).await?;
    let views = current(web, &name, &recent).await?;
    let mut panels = Vec::with_capacity(views.len());
    for view in &views {
        panels.push(panel(view, &flow::failures(web, view).await));
    }
    let content = html! {
        (head(&state, &definition))
        (closed(&state, &definition))
        @for panel in &panels { (panel) }
        @if views.is_empty() { (never(&name)) } @else { (table(&recent)) }
    };
    Ok(Drawn {
        title: name.to_string(),
        crumbs: vec![(name.to_string(), None)],
        content,
        moving: views.iter().any(flow::moves),
        says: views.first().map(flow::says).unwrap_or_default(),
    })
}

/// The executions under way, newest first, or the latest one.
async fn current(
    web: &Web,
    name: &PipelineName,
    recent: &[Arc<Execution>],
) -> Result<Vec<ExecutionView>, Failure> {
    let open = recent.iter().filter(|execution| !execution.status.is_terminal()).take(DRAWN);
    let mut shown: Vec<&Arc<Execution>> = open.collect();
    if shown.is_empty() {
        shown.extend(recent.first());
    }
    let mut views = Vec::with_capacity(shown.len());
    for execution in shown {
        views.push(web.query.execution(name, Some(&execution.id)).await?);
    }
    Ok(views)
}

fn head(state: &PipelineState, definition: &Pipeline) -> Markup {
    let mode = match definition.execution_mode {
        ExecutionMode::Superseded => "Superseded: a newer execution replaces a waiting one",
        ExecutionMode::Queued => "Queued: first in, first out",
        ExecutionMode::Parallel => "Parallel: executions do not wait for each other",
    };
    html! {
        div class="head" data-part="head" {
            h1 { (state.name) }
            ul class="facts" {
                li { "Version " (state.definition) }
                li { (mode) }
                li { "Defined " (page::moment(state.updated_at)) }
            }
        }
    }
}

/// The stages whose inbound transition is disabled, with the reason.
fn closed(state: &PipelineState, definition: &Pipeline) -> Markup {
    let disabled = definition
        .stages
        .iter()
        .filter_map(|stage| Some((stage, state.stages.get(&stage.name)?.disabled.as_ref()?)));
    html! {
        @for (stage, disabled) in disabled {
            p class="note wait" data-part={ "closed-" (stage.name) } {
                strong { "The transition into " (stage.name) " is disabled." } " "
                (plain::short(&disabled.reason, 300))
                span class="quiet" { " — " (plain::short(&disabled.by, 100)) ", " (page::moment(disabled.at)) }
            }
        }
    }
}

fn panel(view: &ExecutionView, failures: &Markup) -> Markup {
    let id = format!("execution-{}", view.execution_id);
    html! {
        section class="card" data-part=(id) aria-labelledby=(id) {
            header {
                h2 id=(id) { a class="mono" href={ "/pipelines/" (view.pipeline) "/executions/" (view.execution_id) } { (short_id(view.execution_id.as_str())) } }
                (tone::pill(view.status))
                (flow::headline(view))
            }
            ul class="facts" {
                @if let Some(author) = &view.commit_author { li { "By " (plain::short(author, 200)) } }
                li { (plain::short(&view.trigger, 200)) }
                li { "Started " (page::moment(view.started_at)) }
                li { "Duration " (page::duration(Some(view.started_at), view.ended_at)) }
                @if let Some(summary) = &view.status_summary { li { (plain::short(summary, 300)) } }
            }
            (flow::stages(view))
            (failures)
        }
    }
}

/// The start of an execution's id, enough to tell it from the others of a page.
pub(super) fn short_id(id: &str) -> &str {
    id.split('-').next().unwrap_or(id)
}

fn never(name: &PipelineName) -> Markup {
    html! {
        div class="card empty" data-part="recent" {
            h2 { "No execution yet" }
            p class="quiet" { "A push starts one, or:" }
            pre class="log" { "penstock start " (name) }
        }
    }
}

fn table(recent: &[Arc<Execution>]) -> Markup {
    html! {
        section class="card" data-part="recent" aria-labelledby="recent" {
            h2 #recent { "Recent executions" }
            div class="scroll" {
                table {
                    thead { tr { th scope="col" { "Execution" } th scope="col" { "Status" } th scope="col" { "Revision" } th scope="col" { "Started" } th scope="col" { "Duration" } } }
                    tbody { @for execution in recent { (row(execution)) } }
                }
            }
        }
    }
}

fn row(execution: &Execution) -> Markup {
    let revision = execution.revisions.values().next();
    let summary = revision.and_then(|revision| revision.summary.as_deref()?.lines().next());
    html! {
        tr {
            td { a class="mono" href={ "/pipelines/" (execution.pipeline) "/executions/" (execution.id) } { (short_id(execution.id.as_str())) } }
            td { (tone::pill(execution.status)) }
            td class="said" {
                @if let Some(revision) = revision { code { (plain::short(&revision.id, 12).trim_end_matches('…')) } " " }
                @if let Some(summary) = summary { (plain::short(summary, 100)) }
            }
            td { (page::moment(execution.started_at)) }
            td { (page::duration(Some(execution.started_at), execution.ended_at)) }
        }
    }
}
