//! What a person reads who gave a verdict by a link and whose answer was lost on the way.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use penstock_app::approvals::{ApprovalKey, Approvals};
use penstock_app::base_url::BaseUrl;
use penstock_app::control::StartRequest;
use penstock_app::port::store::Store;
use penstock_model::id::AttemptId;
use penstock_model::pipeline::ExecutionMode;
use penstock_testkit::fake::{FakeProvider, LossyCommands, Lost};
use penstock_testkit::fault::{Fault, Faults, Faulty};
use penstock_testkit::installation::Installation;
use tower::ServiceExt;

use crate::fixture::release;

const NOT_KNOWN: &str = "It is not known whether your verdict was taken; open the link again.";
const NOTHING: &str = "Nothing was decided.";

/// What Jo reads who approves, with the status, where the store's call with this number fails.
async fn told(lost: Lost, failing: Option<usize>) -> (StatusCode, String) {
    let installation = Installation::new(FakeProvider::default());
    installation.control.create(release("canal", ExecutionMode::Queued), "Ada").await.unwrap();
    let request = StartRequest::by("canal".parse().unwrap(), "Ada");
    let id = installation.control.start(request).await.unwrap();
    installation.settle().await;
    let faults = failing.map_or_else(|| Faults::new(0, 0), |call| Faults::one(call, Fault::Before));
    let store: Arc<dyn Store> = Faulty::new(installation.fakes.store.clone(), &faults);
    let approvals = Approvals::new(
        ApprovalKey::new([7; 32]),
        store,
        installation.fakes.outputs.clone(),
        LossyCommands::new(installation.transition.clone(), lost),
        installation.fakes.clock.clone(),
        BaseUrl::new("http://penstock.example"),
    );
    let asked: AttemptId = format!("{id}/Release/Ask/1").parse().unwrap();
    let path = format!("/approvals/{}", approvals.link_token(&asked));
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    let request = request.body(Body::from("name=Jo&pipeline=canal&verdict=approve&comment=fine")).unwrap();
    let response = penstock_web::approval_router(Arc::new(approvals)).oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_verdict_that_was_taken_is_shown_although_its_answer_was_lost() {
    let (status, page) = told(Lost::Answer, None).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("Approved") && page.contains("Jo (claimed)") && page.contains("fine"), "{page}");
}

#[tokio::test]
async fn somebody_elses_verdict_is_shown_as_theirs() {
    let (status, page) = told(Lost::Race, None).await;
    assert_eq!(status, StatusCode::GONE, "{page}");
    assert!(page.contains("rejected by eve: no; the verdict that you gave was not taken"), "{page}");
}

#[tokio::test]
async fn what_is_not_known_is_not_asserted() {
    // Opening and deciding read twice each; what became of the verdict is the fourth call.
    for (lost, failing) in [(Lost::Answer, Some(3)), (Lost::Command, Some(3)), (Lost::Command, None)] {
        let (status, page) = told(lost, failing).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{page}");
        assert!(page.contains(NOT_KNOWN) && !page.contains(NOTHING), "{lost:?}: {page}");
    }
}

#[tokio::test]
async fn what_failed_before_the_verdict_was_given_decided_nothing() {
    for failing in 0..3 {
        let (status, page) = told(Lost::Answer, Some(failing)).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{page}");
        assert!(page.contains(NOTHING) && !page.contains(NOT_KNOWN), "{failing}: {page}");
    }
}
