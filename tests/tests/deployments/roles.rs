//! The role that an action runs under: assumed for its calls, and told if it cannot be.

use axum::Router;
use axum::http::StatusCode;
use penstock_app::port::provider::{Begun, Provider};
use penstock_aws::access::{Access, WithoutRole};
use penstock_aws::provider::ecs::Ecs;
use tokio::net::TcpListener;

use super::ecs::APP;
use super::providers::{self, failed, running};
use super::stage::{EMULATOR, Stage, artifacts, to_service};

const ROLE: &str = "arn:aws:iam::000000000000:role/deploys";

/// An STS that answers everything so; its address.
async fn sts(status: StatusCode, code: &str, message: &str) -> String {
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    );
    let router = Router::new().fallback(move || {
        let body = body.clone();
        async move { (status, [("content-type", "text/xml")], body) }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// The provider, whose roles are assumed at `sts`.
fn assuming(stage: &Stage, sts: String) -> Ecs {
    let endpoints = [("ecs", stage.ecs.service.url()), ("sts", sts)];
    let sdk = providers::sdk(&EMULATOR.url(), &endpoints);
    let access = Access::new(sdk.clone(), None, Some("an-external-id".to_owned()));
    Ecs::new(access, artifacts(&sdk), stage.clock.clone(), WithoutRole::Refused)
}

#[tokio::test]
async fn calls_are_made_with_the_roles_credentials() {
    let stage = Stage::new();
    let mut work = stage.work(to_service().build(), APP).await;
    work.role_arn = Some(ROLE.to_owned());
    running(&assuming(&stage, EMULATOR.url()), &work, false).await;
    for request in stage.ecs.service.requests() {
        let key = request.access_key.unwrap();
        assert_ne!(key, "test", "{} is not made under the role", request.operation);
    }
}

#[tokio::test]
async fn a_role_that_does_not_trust_us_ends_an_attempt_that_has_not_begun() {
    let stage = Stage::new();
    let message =
        format!("User: arn:aws:sts::1:x is not authorized to perform: sts:AssumeRole on resource: {ROLE}");
    let sts = sts(StatusCode::FORBIDDEN, "AccessDenied", &message).await;
    let provider = assuming(&stage, sts);
    let mut work = stage.work(to_service().build(), APP).await;
    let external = running(&stage.ecs(), &work, false).await;
    work.role_arn = Some(ROLE.to_owned());
    let begun = provider.start(&work, false).await.unwrap();
    let Begun::Ended(start) = begun else { panic!("it runs: {begun:?}") };
    let error = failed(start);
    assert_eq!(error.code, "PermissionError");
    // Of what runs, or may run since another worker began, a refusal says nothing.
    let seen = provider.observe(&work, &external).await.unwrap_err();
    let again = provider.start(&work, true).await.unwrap_err();
    assert!(seen.retryable && again.retryable, "{seen:?} {again:?}");
    for told in [error.message, seen.message, again.message] {
        assert!(told.contains(&message), "{told}");
        assert!(told.contains("`an-external-id/site`, then `an-external-id`"), "{told}");
        assert!(told.ends_with(r#"{"StringEquals":{"sts:ExternalId":"an-external-id/site"}}"#), "{told}");
    }
}

#[tokio::test]
async fn a_role_that_cannot_be_assumed_for_now_is_tried_again() {
    let stage = Stage::new();
    let sts = sts(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "later").await;
    let mut work = stage.work(to_service().build(), APP).await;
    work.role_arn = Some(ROLE.to_owned());
    let error = assuming(&stage, sts).start(&work, false).await.unwrap_err();
    assert!(error.retryable, "{error:?}");
}
