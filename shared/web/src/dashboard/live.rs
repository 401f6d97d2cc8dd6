//! Pages that keep themselves up to date: an entity tag over their content, and answers that wait for a change.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::Markup;
use tokio::time::{Instant, timeout_at};

use crate::Web;
use crate::answer::Failure;
use crate::etag;
use crate::page::{self, Live, Page};

/// A page that was drawn.
pub(super) struct Drawn {
    pub(super) title: String,
    pub(super) crumbs: Vec<(String, Option<String>)>,
    pub(super) content: Markup,
    pub(super) moving: bool,
    pub(super) says: String,
}

/// The longest that a client may ask to wait for a change; a server that is shut down waits for its answers.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Answers with what `draw` draws. A client that has it already and says `Prefer: wait=SECONDS` (RFC 7240) is
/// answered when it changes, at the latest after that time.
pub(super) async fn respond<F>(web: &Web, headers: &HeaderMap, draw: impl Fn() -> F + Send + Sync) -> Response
where
    F: Future<Output = Result<Drawn, Failure>> + Send,
{
    // Where others change state, waiting shows nothing sooner, and on Lambda each moment of it is paid for.
    let wait = if web.query.sees_changes() { wait(headers) } else { Duration::ZERO };
    let deadline = Instant::now() + wait;
    loop {
        let seen = web.query.changes();
        let drawn = match draw().await {
            Ok(drawn) => drawn,
            Err(failure) => return page::failed(&failure),
        };
        let tag = etag::of(&drawn.content.0);
        let unchanged = etag::matches(headers, &tag);
        if !unchanged || timeout_at(deadline, web.query.wait_for_change(seen)).await.is_err() {
            return etag::tagged(headers, &tag, || whole(web, drawn, &tag));
        }
    }
}

fn whole(web: &Web, drawn: Drawn, tag: &str) -> Response {
    let pace = match (web.query.sees_changes(), drawn.moving) {
        (true, true) => Duration::from_millis(300),
        (true, false) => Duration::from_secs(1),
        (false, true) => Duration::from_secs(2),
        (false, false) => Duration::from_secs(10),
    };
    let live = Live { tag, moving: drawn.moving, pace, says: &drawn.says };
    let page = Page { title: &drawn.title, crumbs: drawn.crumbs, content: drawn.content, live: Some(live) };
    (StatusCode::OK, page::html_headers(), page.render().into_string()).into_response()
}

fn wait(headers: &HeaderMap) -> Duration {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let seconds = preferences
        .flat_map(|value| value.split(','))
        .find_map(|one| one.trim().strip_prefix("wait=")?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0)).min(MAX_WAIT)
}
