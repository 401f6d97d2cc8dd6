//! Approval pages.

use std::time::Duration;

use axum::http::StatusCode;

use crate::fixture::Server;

#[tokio::test]
async fn a_page_shows_what_is_asked_and_changes_nothing() {
    let server = Server::with_pipeline().await;
    let id = server.start("good").await;
    server.start("good").await;
    let path = server.approval_path(&id);
    let page = server.get(&path).await;
    assert_eq!(page.status, StatusCode::OK);
    for expected in [
        "Approve Ask?",
        "Ship it?",
        "1 execution waits behind this one.",
        "c0ffee00",
        "Rollout",
        &"0".repeat(64),
    ] {
        assert!(page.text().contains(expected), "{expected}: {}", page.text());
    }
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(server.get(&path).await.body, page.body);
}

#[tokio::test]
async fn a_verdict_needs_the_pipelines_name() {
    let server = Server::with_pipeline().await;
    let id = server.start("good").await;
    let path = server.approval_path(&id);
    for wrong in [
        "",
        "verdict=approve",
        "pipeline=other&verdict=approve&comment=%3Cb%3E",
        "pipeline=canal&verdict=maybe",
        "pipeline=canal",
    ] {
        let page = server.form(&path, wrong).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(page.text().contains("Not decided.") && !page.text().contains("<b>"), "{wrong}");
    }
    let long = format!("pipeline=canal&verdict=approve&comment={}", "x".repeat(513));
    assert_eq!(server.form(&path, &long).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        server.post(&path, &[("content-type", "application/json")], "{}").await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    assert_eq!(server.form(&path, &"x".repeat(70_000)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(server.get(&path).await.status, StatusCode::OK, "nothing was decided");
}

#[tokio::test]
async fn a_link_decides_once() {
    let server = Server::with_pipeline().await;
    let id = server.start("good").await;
    let path = server.approval_path(&id);
    let page = server.form(&path, "pipeline=canal&verdict=approve&comment=looks+%3Cb%3Egood").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.text().contains("Approved") && page.text().contains("looks &lt;b&gt;good"),
        "{}",
        page.text()
    );
    for again in [server.get(&path).await, server.form(&path, "pipeline=canal&verdict=reject").await] {
        assert_eq!(again.status, StatusCode::GONE);
        assert!(again.text().contains("approved by approval link"), "{}", again.text());
    }
}

#[tokio::test]
async fn a_rejection_fails_the_stage() {
    let server = Server::with_pipeline().await;
    let id = server.start("good").await;
    let page = server.form(&server.approval_path(&id), "pipeline=canal&verdict=reject&comment=no").await;
    assert!(page.text().contains("Rejected"));
    server.settle().await;
    let view = server.get(&format!("/penstock/v1/executions/{id}")).await.json();
    assert_eq!(view["status"], "Failed");
}

#[tokio::test]
async fn a_link_expires_and_a_strange_one_is_unknown() {
    let server = Server::with_pipeline().await;
    let id = server.start("good").await;
    server.clock.advance(Duration::from_secs(8 * 24 * 3600));
    let page = server.get(&server.approval_path(&id)).await;
    assert_eq!(page.status, StatusCode::GONE);
    assert!(page.text().contains("expired"), "{}", page.text());
    for strange in ["/approvals/x", "/approvals/AAAA.BBBB", "/approvals/%F0%9F%92%A9"] {
        assert_eq!(server.get(strange).await.status, StatusCode::NOT_FOUND, "{strange}");
        assert_eq!(
            server.form(strange, "pipeline=canal&verdict=approve").await.status,
            StatusCode::NOT_FOUND,
            "{strange}"
        );
    }
}
