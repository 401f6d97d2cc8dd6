//! Foreign web pages cannot drive the server.

use axum::body::Body;
use axum::http::{Request, StatusCode};

use crate::fixture::Server;

#[tokio::test]
async fn a_name_that_merely_resolves_to_the_server_is_refused() {
    let server = Server::new();
    for (host, status) in [
        ("evil.example", StatusCode::MISDIRECTED_REQUEST),
        ("localhost:7878", StatusCode::OK),
        ("[::1]:7878", StatusCode::OK),
        ("penstock.example.com", StatusCode::OK),
    ] {
        for path in ["/", "/penstock/v1/pipelines"] {
            let request = Request::get(path).header("host", host).body(Body::empty()).unwrap();
            assert_eq!(server.send(request).await.status, status, "{host} {path}");
        }
        let request = Request::get("/healthz").header("host", host).body(Body::empty()).unwrap();
        assert_eq!(server.send(request).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn pages_of_other_origins_change_nothing() {
    let server = Server::with_pipeline().await;
    for path in ["/", "/penstock/v1/apply", "/penstock/v1/pipelines/canal/stages/Release/actions/Ask/verdict"]
    {
        for header in
            [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
        {
            let answer = server.post(path, &[header], "{}").await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {header:?}");
        }
    }
    let id = server.start("good").await;
    let headers = [("origin", "null"), ("content-type", "application/x-www-form-urlencoded")];
    let answer =
        server.post(&server.approval_path(&id), &headers, "name=Jo&pipeline=canal&verdict=approve").await;
    assert_eq!(answer.status, StatusCode::OK, "the link is the right itself");
}

#[tokio::test]
async fn every_answer_has_the_headers() {
    let server = Server::new();
    for path in [
        "/",
        "/nothing/here",
        "/assets/style.css",
        "/penstock/v1/pipelines",
        "/penstock/v1/none",
        "/approvals/x",
        "/healthz",
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_ne!(answer.header("cache-control"), "", "{path}");
    }
}
