//! Deliveries from GitHub.

use axum::http::StatusCode;
use serde_json::json;

use crate::fixture::{COMMIT, Server};

const SIGNED: [(&str, &str); 4] = [
    ("x-hub-signature-256", "signed"),
    ("x-github-delivery", "5ec3a0d0-1"),
    ("x-github-event", "push"),
    ("content-type", "application/json"),
];

fn push(commit: &str) -> String {
    json!({"branch": "main", "commit": commit}).to_string()
}

#[tokio::test]
async fn a_push_starts_what_it_concerns_and_says_so() {
    let server = Server::with_pipeline().await;
    let answer = server.post("/webhooks/github", &SIGNED, push(COMMIT)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let said = answer.json();
    assert_eq!((&said["deliveryId"], &said["pipelines"][0]["name"]), (&json!("5ec3a0d0-1"), &json!("canal")));
    assert_eq!(said["pipelines"][0]["started"], true);
    let id = said["pipelines"][0]["executionId"].clone();

    let again = server.post("/webhooks/github", &SIGNED, push(COMMIT)).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(
        (&again.json()["pipelines"][0]["started"], &again.json()["pipelines"][0]["executionId"]),
        (&json!(false), &id)
    );
    assert!(again.json()["reason"].as_str().unwrap().contains("before"));
}

#[tokio::test]
async fn what_starts_nothing_is_told_why() {
    let server = Server::with_pipeline().await;
    let answer = server.post("/webhooks/github", &SIGNED, push(&"0".repeat(40))).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.json()["pipelines"][0]["started"], false);
    assert!(answer.json()["pipelines"][0]["reason"].as_str().unwrap().contains("does not contain commit"));

    let mut ping = SIGNED;
    ping[2].1 = "ping";
    let answer = server.post("/webhooks/github", &ping, "{}").await;
    assert_eq!((answer.status, answer.json()["reason"].as_str()), (StatusCode::OK, Some("a ping")));
}

#[tokio::test]
async fn what_is_no_delivery_is_refused() {
    let server = Server::new();
    let without = |name: &str| SIGNED.into_iter().filter(|(header, _)| *header != name).collect::<Vec<_>>();
    let send = async |headers: &[(&str, &str)], body: String| {
        server.post("/webhooks/github", headers, body).await.status.as_u16()
    };
    assert_eq!(send(&without("x-hub-signature-256"), push(COMMIT)).await, 401);
    assert_eq!(send(&without("x-github-delivery"), push(COMMIT)).await, 400);
    assert_eq!(send(&without("x-github-event"), push(COMMIT)).await, 400);
    assert_eq!(send(&without("content-type"), push(COMMIT)).await, 415);
    assert_eq!(send(&SIGNED, "{".to_owned()).await, 400);
    assert_eq!(send(&SIGNED, " ".repeat(25 << 20)).await, 400, "as large as GitHub sends them, and no JSON");
    assert_eq!(send(&SIGNED, " ".repeat((25 << 20) + 1)).await, 413);
    let answer = server.post("/webhooks/github", &SIGNED, " ".repeat((25 << 20) + 1)).await;
    assert!(answer.text().contains("25 MB"), "{}", answer.text());
    assert_eq!(server.get("/webhooks/github").await.status, StatusCode::METHOD_NOT_ALLOWED);
}
