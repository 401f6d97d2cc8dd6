//! Approval pages: a GET shows what is asked and changes nothing, a POST with the typed pipeline name decides.
//!
//! The link is the right to decide, so the pages are never cached and send no referrer. Mail scanners open links, run
//! their scripts and even post forms; that is why the name must be typed.

mod view;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::Markup;
use penstock_app::approvals::{ApprovalError, ApprovalView};

use crate::Web;
use crate::body;
use crate::page::{self, Page};

/// The largest form.
const MAX_FORM: usize = 64 << 10;

/// Who decides by a link: whoever was sent it.
const BY: &str = "approval link";

/// What the form sends.
#[derive(Debug, Default)]
struct Form {
    pipeline: String,
    verdict: String,
    comment: String,
}

pub(crate) async fn show(State(web): State<Arc<Web>>, Path(token): Path<String>) -> Response {
    match web.approvals.open(&token).await {
        Ok(view) => ask(&view, StatusCode::OK, &Form::default(), None),
        Err(error) => unanswerable(error),
    }
}

pub(crate) async fn decide(
    State(web): State<Arc<Web>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let view = match web.approvals.open(&token).await {
        Ok(view) => view,
        Err(error) => return unanswerable(error),
    };
    let form = match form(&headers, body).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    if let Some(problem) = problem(&view, &form) {
        return ask(&view, StatusCode::UNPROCESSABLE_ENTITY, &form, Some(&problem));
    }
    let comment = form.comment.replace("\r\n", "\n");
    match web.approvals.decide(&token, form.verdict == "approve", BY, &comment).await {
        Ok(view) => decided(&view),
        Err(ApprovalError::Rejected(rejection)) => {
            ask(&view, StatusCode::UNPROCESSABLE_ENTITY, &form, Some(&rejection.to_string()))
        }
        Err(error) => unanswerable(error),
    }
}

async fn form(headers: &HeaderMap, body: Body) -> Result<Form, Response> {
    if body::media_type(headers) != "application/x-www-form-urlencoded" {
        let said = "A verdict comes from the form on this page, as application/x-www-form-urlencoded.";
        return Err(page::message(StatusCode::UNSUPPORTED_MEDIA_TYPE, "That is no form", said));
    }
    let body = body::read(body, MAX_FORM).await.map_err(|error| match error {
        body::BodyError::TooLarge => {
            page::message(StatusCode::PAYLOAD_TOO_LARGE, "Too large", "The form has more than 64 KiB.")
        }
        body::BodyError::Broken => {
            page::message(StatusCode::BAD_REQUEST, "Incomplete", "The form ended early; send it again.")
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
    if !matches!(form.verdict.as_str(), "approve" | "reject") {
        return Some("Choose Approve or Reject.".to_owned());
    }
    (form.comment.chars().count() > view::MAX_COMMENT)
        .then(|| format!("Shorten the comment to {} characters.", view::MAX_COMMENT))
}

fn ask(view: &ApprovalView, status: StatusCode, form: &Form, problem: Option<&str>) -> Response {
    let title = format!("{}: approve {}?", view.pipeline, view.action);
    respond(status, &title, view::ask(view, form, problem))
}

fn decided(view: &ApprovalView) -> Response {
    let approved = view.verdict.as_ref().is_some_and(|verdict| verdict.approved);
    respond(StatusCode::OK, if approved { "Approved" } else { "Rejected" }, view::decided(view, approved))
}

fn unanswerable(error: ApprovalError) -> Response {
    match error {
        ApprovalError::Unknown => page::message(
            StatusCode::NOT_FOUND,
            "No such approval",
            "There is no approval under this address. Open the link exactly as it was sent.",
        ),
        ApprovalError::Settled(outcome) => {
            respond(StatusCode::GONE, "This approval is settled", view::settled(&outcome))
        }
        ApprovalError::Rejected(rejection) => {
            page::message(StatusCode::CONFLICT, "Not accepted", &rejection.to_string())
        }
        ApprovalError::Port(error) => {
            tracing::error!(%error, "an approval cannot be shown or decided");
            page::message(
                StatusCode::SERVICE_UNAVAILABLE,
                "That did not work",
                "Nothing was decided. Try again in a moment.",
            )
        }
    }
}

fn respond(status: StatusCode, title: &str, content: Markup) -> Response {
    let page = Page { title, crumbs: Vec::new(), content, live: None };
    (status, page::html_headers(), page.render().into_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_field_by_field() {
        let form = read_form(b"pipeline=web&verdict=approve&comment=looks+good%21%0D%0A%E2%9C%93&other=1&&=");
        assert_eq!((form.pipeline.as_str(), form.verdict.as_str()), ("web", "approve"));
        assert_eq!(form.comment, "looks good!\r\n✓");
        assert_eq!(read_form(&[0xff, b'%', b'=', b'%']).pipeline, "");
    }
}
