//! Approval pages.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};

use penstock_testkit::build::{approval, pipeline, source};
use serde_json::json;

use crate::fixture::{COMMIT, Server};

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
        "<dt>Author</dt><dd>Ada</dd>",
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
async fn of_several_sources_each_commit_is_shown_with_its_source() {
    let server = Server::new();
    let pipeline = pipeline("canal")
        .stage("Source", [source("App", "app"), source("Infra", "infra")])
        .stage("Release", [approval("Ask")])
        .build();
    server.web.control.create(pipeline, "Ada").await.unwrap();
    let members = json!({"name": "canal", "sourceRevisions": [
        {"actionName": "Infra", "revisionType": "COMMIT_ID", "revisionValue": COMMIT}
    ]});
    let started = server.operate("StartPipelineExecution", &members).await;
    server.settle().await;
    let page =
        server.get(&server.approval_path(started["pipelineExecutionId"].as_str().unwrap())).await.text();
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}: {page}"));
    let infra = at("<dt>Commit of Infra</dt>");
    assert!(infra < at(COMMIT) && at(COMMIT) < at("<dt>Author of Infra</dt>"), "{page}");
    assert!(
        at("<dt>Author of Infra</dt>") < at("<dt>Commit of App</dt>"),
        "what set it off comes first: {page}"
    );
    assert!(at("<dt>Commit of App</dt>") < at("c0ffee00"), "{page}");
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
        "name=Jo&pipeline=canal",
        "name=&pipeline=canal&verdict=approve",
        "name=+%09&pipeline=canal&verdict=approve",
    ] {
        let page = server.form(&path, wrong).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(page.text().contains("Not decided.") && !page.text().contains("<b>"), "{wrong}");
    }
    let long = format!("name=Jo&pipeline=canal&verdict=approve&comment={}", "x".repeat(513));
    assert_eq!(server.form(&path, &long).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        server.post(&path, &[("content-type", "application/json")], "{}").await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    assert_eq!(server.form(&path, &"x".repeat(70_000)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(server.get(&path).await.status, StatusCode::OK, "nothing was decided");
}

#[tokio::test]
async fn the_three_fixed_fields_are_enough() {
    let server = Server::with_pipeline().await;
    let id = server.start("good").await;
    let page =
        server.form(&server.approval_path(&id), "pipeline=canal&verdict=approve&comment=by+a+program").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    assert!(page.text().contains("somebody with the link (claimed)"), "{}", page.text());
}

#[tokio::test]
async fn a_link_decides_once() {
    let server = Server::with_pipeline().await;
    let id = server.start("good").await;
    let path = server.approval_path(&id);
    let page = server.form(&path, "name=Jo&pipeline=canal&verdict=approve&comment=looks+%3Cb%3Egood").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.text().contains("Approved")
            && page.text().contains("looks &lt;b&gt;good")
            && page.text().contains("Jo (claimed)"),
        "{}",
        page.text()
    );
    for again in [server.get(&path).await, server.form(&path, "pipeline=canal&verdict=reject").await] {
        assert_eq!(again.status, StatusCode::GONE);
        assert!(again.text().contains("approved by Jo (claimed)"), "{}", again.text());
    }
}

#[tokio::test]
async fn a_rejection_fails_the_stage() {
    let server = Server::with_pipeline().await;
    let id = server.start("good").await;
    let page =
        server.form(&server.approval_path(&id), "name=Jo&pipeline=canal&verdict=reject&comment=no").await;
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

#[tokio::test]
async fn an_approvers_own_link_decides_under_their_name() {
    let server = Server::with_pipeline().await;
    let id = server.start("good").await;
    let link = server.web.approvals.link_of(&server.ask(&id), &"Jo O'Neil".parse().unwrap(), None);
    let path = link.strip_prefix("http://127.0.0.1:7878").unwrap();
    let page = server.get(path).await.text();
    assert!(page.contains("Jo O'Neil") && !page.contains("name=\"name\""), "{page}");
    let decided = server.form(path, "name=Eve&pipeline=canal&verdict=approve").await;
    assert_eq!(decided.status, StatusCode::OK);
    assert!(decided.text().contains("Jo O'Neil") && !decided.text().contains("Eve"), "{}", decided.text());
    let again = server.get(&server.approval_path(&id)).await.text();
    assert!(again.contains("approved by Jo O'Neil") && !again.contains("claimed"), "{again}");
}

#[tokio::test]
async fn approval_pages_alone_lead_nowhere_else() {
    let mut server = Server::with_pipeline().await;
    let id = server.start("good").await;
    let dashboard = server.router.clone();
    server.router = penstock_web::approval_router(server.web.approvals.clone());
    let path = server.approval_path(&id);
    let page = server.get(&path).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!((page.header("cache-control"), page.header("referrer-policy")), ("no-store", "no-referrer"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(!page.text().contains("href=\"/"), "{}", page.text());
    assert!(page.text().contains("href=\"assets/style.css\""));
    assert_eq!(
        server.get("/approvals/assets/style.css").await.header("content-type"),
        "text/css; charset=utf-8"
    );
    let wrong = server.send(Request::put(&path).body(Body::empty()).unwrap()).await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(wrong.text().contains("this address takes GET,HEAD,POST only"), "{}", wrong.text());
    for elsewhere in ["/", "/pipelines/canal", "/assets/style.css", "/penstock/v1/pipelines", "/approvals/"] {
        let page = server.get(elsewhere).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{elsewhere}");
        assert!(!page.text().contains("href=\"/"), "{elsewhere}: {}", page.text());
    }
    for nameless in ["pipeline=canal&verdict=approve", "name=+&pipeline=canal&verdict=approve&comment=c"] {
        let page = server.form(&path, nameless).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{nameless}");
        assert!(page.text().contains("Type your name; it is recorded with the verdict."), "{}", page.text());
    }
    let decided = server.form(&path, "name=Jo&pipeline=canal&verdict=approve").await;
    assert!(
        decided.text().contains("Approved") && !decided.text().contains("href=\"/"),
        "{}",
        decided.text()
    );
    assert_eq!(server.get(&path).await.status, StatusCode::GONE);
    server.router = dashboard;
    assert!(server.get(&path).await.text().contains("href=\"/assets/style.css\""));
}
