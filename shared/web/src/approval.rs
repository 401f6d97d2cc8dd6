//! Approval pages: a GET shows what is asked and changes nothing, a POST with the typed pipeline name decides.
//!
//! The link is the right to decide, so the pages are never cached and send no referrer. Mail scanners open links, run
//! their scripts and even post forms; that is why the name must be typed. An approver's own link says who decides;
//! whoever opens a shared one types their name, which is recorded as claimed. In a dashboard, which whoever reaches it may
//! use, a program that posts the form's three fixed fields without a name is recorded as somebody with the link; where the
//! link is all that somebody has, a verdict needs a name.

mod view;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{from_fn, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::Markup;
use penstock_app::approvals::{ApprovalError, ApprovalView, Approvals, Decided};

use crate::answer::name_allowed;
use crate::page::{self, Around, Page};
use crate::{assets, body, headers};

/// The largest form.
const MAX_FORM: usize = 64 << 10;

/// What is said where an approval could not be looked at.
const NOT_SHOWN: &str = "The approval cannot be shown now. Open the link again in a moment.";

/// What is said where a verdict came no further than to this page.
const NOTHING_DECIDED: &str = "Nothing was decided. Try again in a moment.";

/// Who decides by a shared link in a dashboard without giving a name.
const NOBODY: &str = "somebody with the link";

/// What answers approval pages, and what lies around them.
#[derive(Clone)]
struct Desk {
    approvals: Arc<Approvals>,
    around: Around,
}

/// What the form sends.
#[derive(Debug, Default)]
struct Form {
    /// `None` where the form has no such field: other programs post without it.
    name: Option<String>,
    pipeline: String,
    verdict: String,
    comment: String,
}

/// The approval pages alone, for whoever has a link and nothing else: `GET` and `POST /approvals/{token}`, and what the
/// pages look like under `/approvals/assets/`. They link to nothing else of the installation.
pub fn approval_router(approvals: Arc<Approvals>) -> Router {
    let router = pages(approvals, Around::Nothing)
        .route("/approvals/assets/{name}", get(assets::serve))
        .fallback(nothing_else)
        .layer(from_fn(headers::add));
    // Around the whole: which methods an address takes is known there only.
    Router::new().fallback_service(router).layer(map_response(name_allowed))
}

/// The approval pages of a dashboard.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(approvals: Arc<Approvals>) -> Router<S> {
    pages(approvals, Around::Dashboard)
}

fn pages<S>(approvals: Arc<Approvals>, around: Around) -> Router<S> {
    Router::new().route("/approvals/{token}", get(show).post(decide)).with_state(Desk { approvals, around })
}

async fn show(State(desk): State<Desk>, Path(token): Path<String>) -> Response {
    match desk.approvals.open(&token).await {
        Ok(view) => desk.ask(&view, StatusCode::OK, &Form::default(), None),
        Err(error) => desk.unanswerable(error, NOT_SHOWN),
    }
}

async fn decide(
    State(desk): State<Desk>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let view = match desk.approvals.open(&token).await {
        Ok(view) => view,
        Err(error) => return desk.unanswerable(error, NOTHING_DECIDED),
    };
    let form = match form(&headers, body).await {
        Ok(form) => form.around(desk.around),
        Err((status, title, said)) => return desk.say(status, title, said),
    };
    if let Some(problem) = problem(&view, &form) {
        return desk.ask(&view, StatusCode::UNPROCESSABLE_ENTITY, &form, Some(&problem));
    }
    let comment = form.comment.replace("\r\n", "\n");
    match desk.approvals.decide(&token, form.verdict == "approve", form.by(), &comment).await {
        Ok(decided) => desk.decided(&decided),
        Err(ApprovalError::Rejected(rejection)) => {
            desk.ask(&view, StatusCode::UNPROCESSABLE_ENTITY, &form, Some(&rejection.to_string()))
        }
        Err(error) => desk.unanswerable(error, NOTHING_DECIDED),
    }
}

async fn nothing_else() -> Response {
    let said = "There is nothing under this address. Open the link exactly as it was sent.";
    respond(
        Around::Nothing,
        StatusCode::NOT_FOUND,
        "Not found",
        view::message(Around::Nothing, "Not found", said),
    )
}

/// A form as sent, or the status, title and sentence of the answer to something else.
async fn form(headers: &HeaderMap, body: Body) -> Result<Form, (StatusCode, &'static str, &'static str)> {
    if body::media_type(headers) != "application/x-www-form-urlencoded" {
        let said = "A verdict comes from the form on this page, as application/x-www-form-urlencoded.";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "That is no form", said));
    }
    let body = body::read(body, MAX_FORM).await.map_err(|error| match error {
        body::BodyError::TooLarge => {
            (StatusCode::PAYLOAD_TOO_LARGE, "Too large", "The form has more than 64 KiB.")
        }
        body::BodyError::Broken => {
            (StatusCode::BAD_REQUEST, "Incomplete", "The form ended early; send it again.")
        }
    })?;
    Ok(read_form(&body))
}

/// Reads the fields that the form has; others are ignored, of a repeated one the last counts.
fn read_form(body: &[u8]) -> Form {
    let mut form = Form::default();
    for pair in body.split(|byte| *byte == b'&') {
        let (name, value) = pair
            .iter()
            .position(|byte| *byte == b'=')
            .map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
        let field = match name {
            b"name" => form.name.get_or_insert_default(),
            b"pipeline" => &mut form.pipeline,
            b"verdict" => &mut form.verdict,
            b"comment" => &mut form.comment,
            _ => continue,
        };
        let spaced: Vec<u8> = value.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        *field = percent_encoding::percent_decode(&spaced).decode_utf8_lossy().into_owned();
    }
    // The API's words for a verdict mean the same.
    form.verdict = match form.verdict.to_ascii_lowercase().as_str() {
        "approve" | "approved" => "approve".to_owned(),
        "reject" | "rejected" => "reject".to_owned(),
        _ => form.verdict,
    };
    form
}

/// What is wrong with a filled-in form.
fn problem(view: &ApprovalView, form: &Form) -> Option<String> {
    if form.pipeline.trim() != view.pipeline.as_str() {
        return Some(format!("Type the pipeline's name, {}, to confirm.", view.pipeline));
    }
    if view.approver.is_none() && form.by().trim().is_empty() {
        return Some("Type your name; it is recorded with the verdict.".to_owned());
    }
    if !matches!(form.verdict.as_str(), "approve" | "reject") {
        return Some("Choose Approve or Reject.".to_owned());
    }
    (form.comment.chars().count() > view::MAX_COMMENT)
        .then(|| format!("Shorten the comment to {} characters.", view::MAX_COMMENT))
}

impl Form {
    /// The form as it counts there: only in a dashboard may it lack the name.
    fn around(mut self, around: Around) -> Self {
        if around == Around::Nothing {
            self.name.get_or_insert_default();
        }
        self
    }

    /// Who decides, as far as the form says.
    fn by(&self) -> &str {
        self.name.as_deref().unwrap_or(NOBODY)
    }
}

impl Desk {
    fn ask(&self, view: &ApprovalView, status: StatusCode, form: &Form, problem: Option<&str>) -> Response {
        let title = format!("{}: approve {}?", view.pipeline, view.action);
        respond(self.around, status, &title, view::ask(self.around, view, form, problem))
    }

    fn decided(&self, decided: &Decided) -> Response {
        let title = if decided.verdict.approved { "Approved" } else { "Rejected" };
        respond(self.around, StatusCode::OK, title, view::decided(self.around, decided))
    }

    fn say(&self, status: StatusCode, title: &str, said: &str) -> Response {
        respond(self.around, status, title, view::message(self.around, title, said))
    }

    /// Says why nothing can be asked or was decided; `failed` is said where something outside failed before that.
    fn unanswerable(&self, error: ApprovalError, failed: &str) -> Response {
        match error {
            ApprovalError::Unknown => self.say(
                StatusCode::NOT_FOUND,
                "No such approval",
                "There is no approval under this address. Open the link exactly as it was sent.",
            ),
            ApprovalError::NotAsked => self.say(
                StatusCode::GONE,
                "This link has ended",
                "This link decides nothing any more: whom it was sent to is not asked about this pipeline now, or gets mail at another address. Use the newest message, or ask another approver.",
            ),
            ApprovalError::Settled(outcome) => respond(
                self.around,
                StatusCode::GONE,
                "This approval is settled",
                view::settled(self.around, &outcome),
            ),
            ApprovalError::Rejected(rejection) => {
                self.say(StatusCode::CONFLICT, "Not accepted", &rejection.to_string())
            }
            ApprovalError::Port(error) => {
                tracing::error!(%error, "an approval cannot be shown or decided");
                self.say(StatusCode::SERVICE_UNAVAILABLE, "That did not work", failed)
            }
            ApprovalError::NotKnown(error) => {
                tracing::error!(%error, "whether a verdict was taken is not known");
                let said = "It is not known whether your verdict was taken; open the link again.";
                self.say(StatusCode::SERVICE_UNAVAILABLE, "That may not have worked", said)
            }
        }
    }
}

fn respond(around: Around, status: StatusCode, title: &str, content: Markup) -> Response {
    let page = Page { title, crumbs: Vec::new(), content, live: None };
    (status, page::html_headers(), page.render_in(around).into_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_field_by_field() {
        let form = read_form(
            b"name=Jo+B.&pipeline=web&verdict=approve&comment=looks+good%21%0D%0A%E2%9C%93&other=1&&=",
        );
        assert_eq!(form.by(), "Jo B.");
        assert_eq!((form.pipeline.as_str(), form.verdict.as_str()), ("web", "approve"));
        assert_eq!(form.comment, "looks good!\r\n✓");
        assert_eq!(read_form(&[0xff, b'%', b'=', b'%']).pipeline, "");
        assert_eq!(read_form(b"pipeline=web").by(), NOBODY);
        assert_eq!(read_form(b"name=&pipeline=web").by(), "");
    }
}
