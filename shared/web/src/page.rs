//! What all pages share: frame, crumbs, times, links.

use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use penstock_model::time::Timestamp;

use crate::answer::Failure;
use crate::plain;

/// A page before its frame.
pub(crate) struct Page<'a> {
    /// What the window is called.
    pub(crate) title: &'a str,
    /// The way here below the list of pipelines: text and address; the last is the page itself.
    pub(crate) crumbs: Vec<(String, Option<String>)>,
    /// The content of `main`.
    pub(crate) content: Markup,
    /// What keeps it up to date; `None`: nothing does.
    pub(crate) live: Option<Live<'a>>,
}

/// How a page is kept up to date.
pub(crate) struct Live<'a> {
    /// The entity tag of its content.
    pub(crate) tag: &'a str,
    /// Whether something moves, so that a browser without scripts asks for it again.
    pub(crate) moving: bool,
    /// The pause before it is asked for again.
    pub(crate) pace: Duration,
    /// What a screen reader says when it changes.
    pub(crate) says: &'a str,
}

/// What lies around a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Around {
    /// The dashboard.
    Dashboard,
    /// Nothing that the reader may open: a page of its own, with its assets beneath its own folder.
    Nothing,
}

impl Around {
    fn assets(self) -> &'static str {
        match self {
            Self::Dashboard => "/assets/",
            Self::Nothing => "assets/",
        }
    }
}

impl Page<'_> {
    /// The whole document, as a page of the dashboard.
    pub(crate) fn render(&self) -> Markup {
        self.render_in(Around::Dashboard)
    }

    /// The whole document.
    pub(crate) fn render_in(&self, around: Around) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (plain::line(self.title)) " · Penstock" }
                    link rel="icon" href={ (around.assets()) "favicon.svg" } type="image/svg+xml";
                    link rel="stylesheet" href={ (around.assets()) "style.css" };
                    @if self.live.is_some() { script src="/assets/live.js" defer {} }
                    @if self.live.as_ref().is_some_and(|live| live.moving) { noscript { meta http-equiv="refresh" content="5"; } }
                }
                body {
                    a class="skip" href="#main" { "Skip to content" }
                    (self.bar(around))
                    @match &self.live {
                        Some(live) => {
                            p #said class="hidden" role="status" aria-live="polite" { (plain::line(live.says)) }
                            main #main tabindex="-1" data-tag=(live.tag) data-pace=(live.pace.as_millis()) { (self.content) }
                        }
                        None => main #main tabindex="-1" { (self.content) },
                    }
                    footer { div { "Penstock " (env!("CARGO_PKG_VERSION")) } }
                }
            }
        }
    }

    fn bar(&self, around: Around) -> Markup {
        html! {
            header class="bar" {
                div {
                    @match around {
                        Around::Dashboard => a class="brand" href="/" { (mark()) "Penstock" },
                        Around::Nothing => span class="brand" { (mark()) "Penstock" },
                    }
                    @if !self.crumbs.is_empty() {
                        nav aria-label="Breadcrumbs" {
                            ol class="crumbs" {
                                @for (text, link) in &self.crumbs {
                                    li {
                                        @match link {
                                            Some(link) => a href=(link) { (text) },
                                            None => span aria-current="page" { (text) },
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A pipe that falls through a gate.
fn mark() -> Markup {
    PreEscaped(
        "<svg viewBox=\"0 0 32 32\" aria-hidden=\"true\"><path d=\"M4 8h7l10 16h7\" fill=\"none\" stroke=\"currentColor\" \
         stroke-width=\"5\" stroke-linecap=\"round\" stroke-linejoin=\"round\"/><circle cx=\"16\" cy=\"16\" r=\"5\" \
         fill=\"currentColor\"/></svg>"
            .to_owned(),
    )
}

/// A moment: exact without the script, "… ago" with it.
pub(crate) fn moment(at: Timestamp) -> Markup {
    html! { time datetime=(at) data-at=(at.0) { (readable(at)) } }
}

/// A moment in UTC, to the second.
pub(crate) fn readable(at: Timestamp) -> String {
    let text = at.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{} UTC", seconds.replace('T', " ")),
        None => text,
    }
}

/// How long something took, or how long it has been going on.
pub(crate) fn duration(started: Option<Timestamp>, ended: Option<Timestamp>) -> Markup {
    match (started, ended) {
        (Some(started), Some(ended)) => html! { span class="time" { (elapsed(ended.0 - started.0)) } },
        (Some(started), None) => {
            html! { span class="time" data-since=(started.0) { "since " (readable(started)) } }
        }
        (None, _) => html! {},
    }
}

fn elapsed(milliseconds: i64) -> String {
    let milliseconds = milliseconds.max(0);
    let seconds = milliseconds / 1000;
    match seconds {
        0 => format!("{milliseconds} ms"),
        1..10 => format!("{}.{} s", seconds, milliseconds % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// `url` if a click on it can only open a page.
pub(crate) fn safe_link(url: &str) -> Option<&str> {
    let lower = url.to_ascii_lowercase();
    let web = lower.starts_with("https://") || lower.starts_with("http://");
    (web && !url.chars().any(|c| c.is_control() || c.is_whitespace())).then_some(url)
}

/// A page that says one thing.
pub(crate) fn message(status: StatusCode, title: &str, said: &str) -> Response {
    let content = html! {
        div class="narrow" {
            div class="card" {
                h1 { (title) }
                p { (plain::line(said)) }
                p { a href="/" { "All pipelines" } }
            }
        }
    };
    let page = Page { title, crumbs: Vec::new(), content, live: None };
    (status, html_headers(), page.render().into_string()).into_response()
}

/// The page for an address that names no `what`.
pub(crate) fn missing(what: &str) -> Response {
    message(StatusCode::NOT_FOUND, "Not found", &format!("There is no such {what} here. Check the address."))
}

/// The page for a failure of what a page shows.
pub(crate) fn failed(failure: &Failure) -> Response {
    let title = if failure.status() == StatusCode::NOT_FOUND { "Not found" } else { "That did not work" };
    message(failure.status(), title, failure.message())
}

/// Whatever no route takes.
pub(crate) async fn not_found() -> Response {
    missing("page")
}

/// The content type of pages.
pub(crate) fn html_headers() -> [(header::HeaderName, &'static str); 1] {
    [(header::CONTENT_TYPE, "text/html; charset=utf-8")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_open_pages_only() {
        assert!(safe_link("https://example.com/x").is_some());
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "/local/path",
            "https://exa\nmple.com",
            " https://example.com",
        ] {
            assert!(safe_link(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn durations_read_well() {
        let shown: Vec<String> = [-5, 1234, 59_999, 61_000, 3_660_000, 90_000_000].map(elapsed).into();
        assert_eq!(shown, ["0 ms", "1.2 s", "59 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
    }
}
