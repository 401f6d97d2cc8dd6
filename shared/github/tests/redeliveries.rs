//! Failed deliveries against a stand-in for GitHub's API on loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use penstock_app::port::PortError;
use penstock_app::port::redeliveries::{Attempted, Pushed, Redeliveries};
use penstock_app::port::secrets::Secrets;
use penstock_github::redeliveries::GitHubRedeliveries;
use serde_json::json;

const OURS: &str = "https://penstock.example/webhooks/github";

struct Token(&'static str);

#[async_trait]
impl Secrets for Token {
    async fn secret(&self, _name: &str) -> Result<String, PortError> {
        Ok(self.0.to_owned())
    }
}

type Asked = Arc<Mutex<Vec<String>>>;

async fn hooks(headers: HeaderMap) -> Response {
    match headers.get("authorization").and_then(|it| it.to_str().ok()) {
        Some("Bearer admin") => Json(json!([
            {"id": 1, "config": {"url": "https://other.example/", "content_type": "json"}},
            {"id": 7, "config": {"url": OURS, "content_type": "json"}},
        ]))
        .into_response(),
        Some("Bearer limited") => {
            (StatusCode::FORBIDDEN, [("x-ratelimit-remaining", "0")], "{}").into_response()
        }
        _ => (StatusCode::FORBIDDEN, "{}").into_response(),
    }
}

async fn deliveries(Path((_, _, hook)): Path<(String, String, u64)>) -> Response {
    assert_eq!(hook, 7);
    Json(json!([
        {"id": 12, "guid": "b", "redelivery": true, "status": "OK", "status_code": 202, "event": "push"},
        {"id": 11, "guid": "b", "redelivery": false, "status": "Service Unavailable", "status_code": 503, "event": "push"},
        {"id": 10, "guid": "a", "redelivery": false, "status": "failed to connect to host", "status_code": 0, "event": "create"},
    ]))
    .into_response()
}

async fn delivery(Path((_, _, _, id)): Path<(String, String, u64, u64)>) -> Response {
    let reference = if id == 11 { "refs/heads/main" } else { "refs/tags/v1" };
    Json(json!({"id": id, "event": "push", "request": {"headers": {}, "payload": {"ref": reference, "after": "c0ffee"}}})).into_response()
}

async fn again(
    State(asked): State<Asked>,
    Path((owner, name, hook, id)): Path<(String, String, u64, u64)>,
) -> StatusCode {
    asked.lock().unwrap().push(format!("{owner}/{name} {hook} {id}"));
    StatusCode::ACCEPTED
}

async fn host(token: &'static str) -> (GitHubRedeliveries, Asked) {
    let asked = Asked::default();
    let router = Router::new()
        .route("/repos/{owner}/{name}/hooks", get(hooks))
        .route("/repos/{owner}/{name}/hooks/{hook}/deliveries", get(deliveries))
        .route("/repos/{owner}/{name}/hooks/{hook}/deliveries/{id}", get(delivery))
        .route("/repos/{owner}/{name}/hooks/{hook}/deliveries/{id}/attempts", post(again))
        .with_state(asked.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    (GitHubRedeliveries::new(url, Arc::new(Token(token)), "token", OURS.to_owned()), asked)
}

#[tokio::test]
async fn deliveries_of_our_webhook_are_told_and_made_again() {
    let (host, asked) = host("admin").await;
    let attempted = |id, delivery: &str, event: &str, succeeded| Attempted {
        webhook: 7,
        id,
        delivery: delivery.to_owned(),
        event: event.to_owned(),
        succeeded,
    };
    let latest = host.latest("acme/web").await.unwrap();
    assert_eq!(
        latest,
        [
            attempted(12, "b", "push", true),
            attempted(11, "b", "push", false),
            attempted(10, "a", "create", false)
        ]
    );
    let pushed =
        |reference: &str| Some(Pushed { reference: reference.to_owned(), commit: "c0ffee".to_owned() });
    assert_eq!(host.pushed("acme/web", &latest[1]).await.unwrap(), pushed("refs/heads/main"));
    let tagged = attempted(13, "c", "push", false);
    assert_eq!(host.pushed("acme/web", &tagged).await.unwrap(), pushed("refs/tags/v1"));
    host.again("acme/web", &latest[2]).await.unwrap();
    host.again("acme/web", &tagged).await.unwrap();
    assert_eq!(*asked.lock().unwrap(), ["acme/web 7 10", "acme/web 7 13"]);
}

#[tokio::test]
async fn whoever_may_not_see_webhooks_sees_none() {
    assert_eq!(host("reader").await.0.latest("acme/web").await.unwrap(), []);
    let limited = host("limited").await.0.latest("acme/web").await.unwrap_err();
    assert!(limited.retryable, "{limited}");
}
