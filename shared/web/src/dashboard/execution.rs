//! `/pipelines/NAME/executions/ID`: one execution with every attempt.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};
use penstock_app::engine::AttemptHistory;
use penstock_app::view::{ActionStanding, ExecutionView};
use penstock_model::id::{ExecutionId, PipelineName};

use super::live::{self, Drawn};
use super::pipeline::short_id;
use super::{flow, tone};
use crate::Web;
use crate::answer::Failure;
use crate::page;
use crate::plain;

pub(super) async fn show(
    State(web): State<Arc<Web>>,
    Path((pipeline, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    live::respond(&web, &headers, || draw(&web, &pipeline, &id)).await
}

async fn draw(web: &Web, pipeline: &str, id: &str) -> Result<Drawn, Failure> {
    let name: PipelineName = pipeline.parse()?;
    let id: ExecutionId = id.parse()?;
    let view = web.query.execution(&name, Some(&id)).await?;
    let attempts = web.query.attempts(&name, &id).await?;
    let failures = flow::failures(web, &view).await;
    let content = html! {
        (head(&view))
        section class="card" data-part="stages" aria-label="Stages" { (flow::stages(&view)) }
        @if view.stages.iter().flat_map(|stage| &stage.actions).any(|action| action.status == ActionStanding::Failed) {
            section class="card" data-part="failed" aria-labelledby="failed" { h2 #failed { "What failed" } (failures) }
        }
        @if !attempts.is_empty() { (table(&view, &attempts)) }
    };
    Ok(Drawn {
        title: format!("{} {}", name, short_id(id.as_str())),
        crumbs: vec![
            (name.to_string(), Some(format!("/pipelines/{name}"))),
            (short_id(id.as_str()).to_owned(), None),
        ],
        content,
        moving: flow::moves(&view),
        says: flow::says(&view),
    })
}

fn head(view: &ExecutionView) -> Markup {
    html! {
        div class="head" data-part="head" {
            div class="title" {
                h1 { @match &view.commit_summary { Some(text) => (plain::short(text, 200)), None => { "Execution " (short_id(view.execution_id.as_str())) } } }
                (tone::pill(view.status))
            }
            ul class="facts" {
                @if let Some(commit) = &view.commit { li { code { (plain::short(commit, 100)) } } }
                @if let Some(author) = &view.commit_author { li { "By " (plain::short(author, 200)) } }
                li { (plain::short(&view.trigger, 300)) }
                li { "Started " (page::moment(view.started_at)) }
                li { "Duration " (page::duration(Some(view.started_at), view.ended_at)) }
                @if let Some(target) = &view.rollback_of {
                    li { "Brings back " a class="mono" href={ "/pipelines/" (view.pipeline) "/executions/" (target) } { (short_id(target.as_str())) } }
                }
                @if let Some(summary) = &view.status_summary { li { (plain::short(summary, 300)) } }
                li { code { (view.execution_id) } }
            }
        }
    }
}

fn table(view: &ExecutionView, attempts: &[AttemptHistory]) -> Markup {
    html! {
        section class="card" data-part="attempts" aria-labelledby="attempts" {
            h2 #attempts { "Attempts" }
            div class="scroll" {
                table {
                    thead { tr { th scope="col" { "Action" } th scope="col" { "Attempt" } th scope="col" { "Status" } th scope="col" { "Duration" } th scope="col" { "What happened" } th scope="col" { "Log" } } }
                    tbody { @for history in attempts { (row(view, history)) } }
                }
            }
        }
    }
}

fn row(view: &ExecutionView, history: &AttemptHistory) -> Markup {
    let AttemptHistory { id, attempt } = history;
    let said = attempt.error.as_ref().map(|error| error.message.as_str()).or(attempt.summary.as_deref());
    html! {
        tr {
            td { (id.stage) " / " (id.action) }
            td { (id.number) }
            td { (tone::pill(ActionStanding::from(attempt.status))) }
            td { (page::duration(attempt.started_at.or(Some(attempt.scheduled_at)), attempt.ended_at)) }
            td class="said" { @if let Some(said) = said { (plain::short(said.lines().next().unwrap_or_default(), 300)) } }
            td {
                a href={ "/pipelines/" (view.pipeline) "/executions/" (id.execution) "/logs/" (id.stage) "/" (id.action) "/" (id.number) }
                    aria-label={ "Log of " (id.action) ", attempt " (id.number) } { "Log" }
            }
        }
    }
}
