//! The approval pages, with a line in the log for each answer: what was asked about, by whose link, and what came of it.
//!
//! A link is the right to decide, so neither its token nor its address is ever written.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use penstock_app::approvals::Approvals;
use penstock_model::id::AttemptId;
use percent_encoding::percent_decode_str;
use tracing::{Instrument, Span, info_span};

/// What lies before a token in an address.
const PAGES: &str = "/approvals/";

/// The router that answers whoever has a link.
pub(crate) fn router(approvals: Arc<Approvals>) -> Router {
    penstock_web::approval_router(Arc::clone(&approvals)).layer(from_fn_with_state(approvals, log))
}

async fn log(State(approvals): State<Arc<Approvals>>, request: Request, next: Next) -> Response {
    // What the pages look like lies a folder deeper.
    let Some(token) = request.uri().path().strip_prefix(PAGES).filter(|it| !it.contains('/')) else {
        return next.run(request).await;
    };
    // Mail programs may write a link otherwise, and the router reads it all the same.
    let token = percent_decode_str(token).decode_utf8_lossy();
    let (span, method) = (span(&approvals, &token), request.method().clone());
    async {
        let response = next.run(request).await;
        tracing::info!(%method, status = response.status().as_u16(), "an approval page");
        response
    }
    .instrument(span)
    .await
}

/// What every line about this link is told with.
fn span(approvals: &Approvals, token: &str) -> Span {
    let Some((AttemptId { execution, stage, action, number }, approver)) = approvals.attempt_of(token) else {
        return info_span!("link", signed = false);
    };
    let approver = approver.as_ref().map(tracing::field::display);
    info_span!("link", %execution, %stage, %action, attempt = number, approver)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use penstock_app::control::StartRequest;
    use penstock_aws::telemetry::lines;
    use penstock_testkit::build::{approval, deploy, pipeline, source};
    use penstock_testkit::fake::FakeProvider;
    use penstock_testkit::installation::Installation;
    use penstock_testkit::kept_logs::KeptLogs;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;

    /// What is logged of a GET of `path`.
    async fn logged(approvals: &Arc<Approvals>, path: &str) -> String {
        let logs = KeptLogs::of(|to| lines("info", move || to.clone()));
        let request = Request::get(path).body(Body::empty()).unwrap();
        router(Arc::clone(approvals)).oneshot(request).await.unwrap();
        logs.text()
    }

    fn approvals() -> Arc<Approvals> {
        Installation::new(FakeProvider::default()).approvals
    }

    #[tokio::test]
    async fn an_answer_is_logged_with_the_attempt_and_never_with_its_link() {
        let approvals = approvals();
        let execution = "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607";
        let attempt: AttemptId = format!("{execution}/Release/Sign-off/2").parse().unwrap();
        let jos = approvals.link_of(&attempt, &"Jo".parse().unwrap(), None);
        for (link, approver) in [(approvals.link(&attempt), None), (jos, Some("Jo"))] {
            let token = link.rsplit('/').next().unwrap();
            let line = logged(&approvals, &format!("/approvals/{token}")).await;
            let fields: Value = serde_json::from_str(&line).unwrap();
            assert_eq!((&fields["method"], &fields["status"]), (&json!("GET"), &json!(404)), "{line}");
            let of = &fields["span"];
            let ids = json!([of["execution"], of["stage"], of["action"], of["attempt"], of["approver"]]);
            assert_eq!(ids, json!([execution, "Release", "Sign-off", 2, approver]), "{line}");
            assert!(token.split('.').all(|part| !line.contains(part)), "{line}");
        }
    }

    /// Mail programs may write a link otherwise.
    #[tokio::test]
    async fn a_link_is_known_however_it_is_written() {
        let approvals = approvals();
        let attempt: AttemptId = "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Release/Sign-off/2".parse().unwrap();
        let link = approvals.link(&attempt);
        let token = link.rsplit('/').next().unwrap();
        let line = logged(&approvals, &format!("/approvals/{}", token.replace('.', "%2E"))).await;
        assert!(line.contains("Sign-off") && token.split('.').all(|part| !line.contains(part)), "{line}");
    }

    #[tokio::test]
    async fn a_verdict_is_logged_without_what_was_typed() {
        let pipeline = pipeline("web")
            .stage("Source", [source("Fetch", "src")])
            .stage("Release", [approval("Sign-off"), deploy("Ship").consumes("src").order(2)]);
        let installation = Installation::new(FakeProvider::default());
        installation.control.create(pipeline.build(), "alice").await.unwrap();
        let start = StartRequest::by("web".parse().unwrap(), "alice");
        let execution = installation.control.start(start).await.unwrap();
        installation.settle().await;
        let attempt: AttemptId = format!("{execution}/Release/Sign-off/1").parse().unwrap();
        let link = installation.approvals.link(&attempt);
        let token = link.rsplit('/').next().unwrap();
        let logs = KeptLogs::of(|to| lines("info", move || to.clone()));
        let request = Request::post(format!("/approvals/{token}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from("name=Typist&pipeline=web&verdict=approve&comment=because"))
            .unwrap();
        let response = router(installation.approvals.clone()).oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        let text = logs.text();
        assert!(text.contains(r#""method":"POST","status":200"#) && text.contains("Sign-off"), "{text}");
        let secret = ["Typist", "because"].into_iter().chain(token.split('.'));
        assert!(secret.into_iter().all(|typed| !text.contains(typed)), "{text}");
    }

    #[tokio::test]
    async fn what_nobody_signed_is_not_repeated_in_the_log() {
        let line = logged(&approvals(), "/approvals/MmIx.c2VjcmV0").await;
        assert!(line.contains(r#""signed":false"#) && !line.contains("c2VjcmV0"), "{line}");
        assert_eq!(logged(&approvals(), "/approvals/assets/style.css").await, "");
    }
}
