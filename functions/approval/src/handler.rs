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
    let (span, method) = (span(&approvals, token), request.method().clone());
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
    use penstock_aws::telemetry::lines;
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

    #[tokio::test]
    async fn what_nobody_signed_is_not_repeated_in_the_log() {
        let line = logged(&approvals(), "/approvals/MmIx.c2VjcmV0").await;
        assert!(line.contains(r#""signed":false"#) && !line.contains("c2VjcmV0"), "{line}");
        assert_eq!(logged(&approvals(), "/approvals/assets/style.css").await, "");
    }
}
