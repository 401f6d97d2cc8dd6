//! An execution drawn as a pipe through its stages, and what failed in it with the last lines of its log.

use maud::{Markup, html};
use penstock_app::view::{ActionStanding, ActionView, ExecutionView, StageStanding, StageView};
use penstock_model::pipeline::Category;

use super::tone::{self, Shown};
use crate::Web;
use crate::page;
use crate::plain;

/// How many lines of a failed action's log a page shows.
const TAIL: usize = 16;

/// The stages as a pipe.
pub(super) fn stages(view: &ExecutionView) -> Markup {
    html! { ol class="flow" { @for stage in &view.stages { (self::stage(view, stage)) } } }
}

/// The stages as a thin line.
pub(super) fn line(view: &ExecutionView) -> Markup {
    html! {
        ol class="mini" aria-hidden="true" { @for stage in &view.stages { li class=(tone::of(stage.status)) {} } }
        p class="hidden" {
            @for stage in &view.stages { (stage.name) ": " (tone::word(stage.status)) ". " }
        }
    }
}

fn stage(view: &ExecutionView, stage: &StageView) -> Markup {
    html! {
        li class={ "stage " (tone::of(stage.status)) } {
            header { h3 { (stage.name) } (tone::pill(stage.status)) }
            @if let Some(note) = &stage.note { p class="note wait" { (plain::short(note, 400)) } }
            @if stage.waiting_behind > 0 { p class="small quiet" { (waiting(stage.waiting_behind)) } }
            ul class="actions" { @for action in &stage.actions { (self::action(view, stage, action)) } }
        }
    }
}

fn waiting(count: u32) -> String {
    format!("{count} {} before this stage", if count == 1 { "execution waits" } else { "executions wait" })
}

fn action(view: &ExecutionView, stage: &StageView, action: &ActionView) -> Markup {
    let asks = asks(action);
    let status = if asks { Shown::Asking } else { action.status.into() };
    html! {
        li class={ "action " (tone::of(status)) } {
            div class="row" { span class="name" { (action.name) } span class="word" { (tone::word(status)) } }
            div class="row small quiet" {
                span { (plain::short(&action.provider, 40)) @if action.attempt > 1 { " · attempt " (action.attempt) } }
                (page::duration(action.started_at, action.ended_at))
            }
            @if let Some(summary) = &action.summary { p class="said" { (plain::short(summary.lines().next().unwrap_or_default(), 600)) } }
            div class="links" {
                @if asks && let Some(link) = action.link.as_deref().and_then(page::safe_link) { a href=(link) { "Review and decide" } }
                @if action.attempt > 0 && action.category != Category::Approval {
                    a href=(log_address(view, stage, action)) aria-label={ "Log of " (action.name) } { "Log" }
                    @if let Some(link) = foreign(action) { a href=(link) rel="noopener noreferrer" { "Details" } }
                }
            }
        }
    }
}

/// Whether the action is an approval that waits for a person.
fn asks(action: &ActionView) -> bool {
    action.category == Category::Approval && action.status == ActionStanding::InProgress
}

/// The provider's own page, if it has one.
fn foreign(action: &ActionView) -> Option<&str> {
    page::safe_link(action.link.as_deref()?)
}

fn log_address(view: &ExecutionView, stage: &StageView, action: &ActionView) -> String {
    let (pipeline, execution) = (&view.pipeline, &view.execution_id);
    format!(
        "/pipelines/{pipeline}/executions/{execution}/logs/{}/{}/{}",
        stage.name, action.name, action.attempt
    )
}

/// What failed: the error and the last lines of its log.
pub(super) async fn failures(web: &Web, view: &ExecutionView) -> Markup {
    let mut shown = Vec::new();
    for stage in &view.stages {
        for action in stage.actions.iter().filter(|action| action.status == ActionStanding::Failed) {
            shown.push(failure(web, view, stage, action).await);
        }
    }
    html! { @for one in shown { (one) } }
}

async fn failure(web: &Web, view: &ExecutionView, stage: &StageView, action: &ActionView) -> Markup {
    let attempt = view.attempt_id(stage, action);
    // A log that cannot be read must not hide the rest of the page.
    let tail = web.query.log_tail(&attempt, TAIL).await.unwrap_or_default();
    html! {
        div class="failed" {
            h3 { (stage.name) " / " (action.name) }
            p {
                @if let Some(code) = &action.error_code { strong { (plain::short(code.as_str(), 60)) } ": " }
                @if let Some(summary) = &action.summary { (plain::log(summary)) }
            }
            @if !tail.is_empty() {
                pre class="log" tabindex="0" aria-label={ "Last lines of the log of " (action.name) } { (plain::log(&tail.join("\n"))) }
                p class="small" { a href=(log_address(view, stage, action)) { "The whole log" } }
            }
        }
    }
}

/// The name, status and cause of an execution in a line or two.
pub(super) fn headline(view: &ExecutionView) -> Markup {
    html! {
        @if let Some(summary) = &view.commit_summary { span { (plain::short(summary, 200)) } " " }
        @if let Some(commit) = &view.commit { code { (plain::short(commit, 12).trim_end_matches('…')) } }
    }
}

/// What a screen reader says of an execution.
pub(super) fn says(view: &ExecutionView) -> String {
    let at = view.stages.iter().rev().find(|stage| stage.status != StageStanding::NotStarted).map(|stage| {
        let asked = stage.actions.iter().any(asks);
        format!(", {}: {}", stage.name, if asked { "waits for a verdict" } else { tone::word(stage.status) })
    });
    format!("{}: {}{}", view.pipeline, tone::word(view.status), at.unwrap_or_default())
}

/// Whether anything may change by itself.
pub(super) fn moves(view: &ExecutionView) -> bool {
    !view.status.is_terminal()
}
