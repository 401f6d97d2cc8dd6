//! The log of an attempt as a page: text, escaped, without terminal sequences.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};
use penstock_model::id::{AttemptId, PipelineName};
use serde::Deserialize;

use super::live::{self, Drawn};
use super::pipeline::short_id;
use crate::Web;
use crate::answer::Failure;
use crate::plain;
use crate::v1::attempt_ended;

/// How much of a log one page shows.
const PAGE: usize = 512 << 10;

#[derive(Deserialize)]
pub(super) struct From {
    #[serde(default)]
    offset: u64,
}

pub(super) async fn show(
    State(web): State<Arc<Web>>,
    Path((pipeline, execution, stage, action, number)): Path<(String, String, String, String, u32)>,
    Query(from): Query<From>,
    headers: HeaderMap,
) -> Response {
    let attempt = || -> Result<(PipelineName, AttemptId), Failure> {
        let attempt = AttemptId {
            execution: execution.parse()?,
            stage: stage.parse()?,
            action: action.parse()?,
            number,
        };
        Ok((pipeline.parse()?, attempt))
    };
    live::respond(&web, &headers, || async {
        let (pipeline, attempt) = attempt()?;
        draw(&web, &pipeline, &attempt, from.offset).await
    })
    .await
}

async fn draw(
    web: &Web,
    pipeline: &PipelineName,
    attempt: &AttemptId,
    offset: u64,
) -> Result<Drawn, Failure> {
    let execution = web.query.raw_execution(pipeline, &attempt.execution).await?;
    let ended = attempt_ended(&execution, attempt);
    let chunk = web.query.log(attempt, offset, PAGE).await?;
    let text = plain::log(&String::from_utf8_lossy(&chunk));
    let next = (chunk.len() == PAGE).then(|| offset + u64::try_from(chunk.len()).unwrap_or(0));
    let execution_page = format!("/pipelines/{pipeline}/executions/{}", attempt.execution);
    let content = html! {
        div class="head" data-part="head" {
            h1 { "Log of " (attempt.action) }
            ul class="facts" { li { "Stage " (attempt.stage) } li { "Attempt " (attempt.number) } @if !ended { li { "Under way" } } }
        }
        (body(&text, offset, next, ended))
    };
    Ok(Drawn {
        title: format!("Log of {}", attempt.action),
        crumbs: vec![
            (pipeline.to_string(), Some(format!("/pipelines/{pipeline}"))),
            (short_id(attempt.execution.as_str()).to_owned(), Some(execution_page)),
            (format!("{}/{}", attempt.stage, attempt.action), None),
        ],
        content,
        moving: !ended && next.is_none(),
        says: String::new(),
    })
}

fn body(text: &str, offset: u64, next: Option<u64>, ended: bool) -> Markup {
    html! {
        div data-part="log" class="head" {
            @if offset > 0 { p { a href="?offset=0" { "From the beginning" } } }
            @if text.is_empty() {
                p class="quiet" { @if ended { "Nothing was written." } @else { "Nothing has been written yet." } }
            } @else {
                pre class="log" tabindex="0" aria-label="Log" { (text) }
            }
            @if let Some(next) = next { p { a href={ "?offset=" (next) } { "Go on" } } }
        }
    }
}
