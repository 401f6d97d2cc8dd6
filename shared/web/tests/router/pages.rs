//! The dashboard's pages.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use penstock_model::id::AttemptId;

use crate::fixture::Server;

/// A page's main part with a line for each element, so that a snapshot's difference is readable.
fn main_of(page: &str) -> String {
    let from = page.find("<main").unwrap();
    let to = page.find("</main>").unwrap();
    page[from..to].replace("><", ">\n<")
}

#[tokio::test]
async fn pipelines_are_listed_with_their_state() {
    let server = Server::new();
    assert!(server.get("/").await.text().contains("No pipeline yet"));
    let server = Server::with_pipeline().await;
    server.start("good").await;
    let page = server.get("/").await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    insta::assert_snapshot!("pipelines", main_of(&page.text()));
}

#[tokio::test]
async fn a_pipeline_shows_what_it_does_and_what_is_closed() {
    let server = Server::with_pipeline().await;
    let (name, stage) = ("canal".parse().unwrap(), "Release".parse().unwrap());
    server.start("good").await;
    server.web.control.disable(&name, &stage, "frozen <until> Monday", "Ada").await.unwrap();
    insta::assert_snapshot!("pipeline", main_of(&server.get("/pipelines/canal").await.text()));
}

#[tokio::test]
async fn a_failure_shows_the_end_of_its_log() {
    let server = Server::with_pipeline().await;
    let id = server.start("bad").await;
    let attempt: AttemptId = format!("{id}/Build/Unit/1").parse().unwrap();
    let lines: String = (0..40).map(|line| format!("line {line} \u{1b}[31m<b>red</b>\u{1b}[0m\n")).collect();
    server.logs.append(&attempt, lines.as_bytes());
    for path in ["/pipelines/canal".to_owned(), format!("/pipelines/canal/executions/{id}")] {
        let page = server.get(&path).await.text();
        assert!(page.contains("line 39 &lt;b&gt;red&lt;/b&gt;"), "{page}");
        assert!(!page.contains("line 19 ") && !page.contains('\u{1b}') && !page.contains("<b>"), "{page}");
        assert!(page.contains("exit code 101 &lt;script&gt;"));
    }
    let page = server.get(&format!("/pipelines/canal/executions/{id}/logs/Build/Unit/1")).await.text();
    assert!(page.contains("line 0 &lt;b&gt;red") && page.contains("line 39"));
    insta::assert_snapshot!(
        "execution_page",
        main_of(&server.get(&format!("/pipelines/canal/executions/{id}")).await.text())
    );
}

#[tokio::test]
async fn an_unchanged_page_is_not_sent_again() {
    let server = Server::with_pipeline().await;
    let tag = server.get("/pipelines/canal").await.header("etag").to_owned();
    let asked =
        || Request::get("/pipelines/canal").header("if-none-match", &tag).body(Body::empty()).unwrap();
    assert_eq!(server.send(asked()).await.status, StatusCode::NOT_MODIFIED);
    server.start("good").await;
    assert_eq!(server.send(asked()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_client_that_waits_is_answered_when_something_changes() {
    let server = Server::with_pipeline().await;
    let tag = server.get("/pipelines/canal").await.header("etag").to_owned();
    let asked = Request::get("/pipelines/canal").header("if-none-match", &tag).header("prefer", "wait=10");
    let waiting = server.send(asked.body(Body::empty()).unwrap());
    let (answer, _) = tokio::join!(waiting, server.start("good"));
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn where_others_change_the_state_nobody_is_kept_waiting() {
    let server = Server::among_others().await;
    let page = server.get("/pipelines/canal").await;
    assert!(page.text().contains("data-pace=\"10000\""), "{}", page.text());
    let tag = page.header("etag").to_owned();
    let asked = Request::get("/pipelines/canal").header("if-none-match", &tag).header("prefer", "wait=10");
    let answer = server.send(asked.body(Body::empty()).unwrap());
    let answer = tokio::time::timeout(std::time::Duration::from_secs(8), answer).await;
    assert_eq!(answer.expect("an answer at once").status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn what_is_not_there_has_a_page_too() {
    let server = Server::with_pipeline().await;
    for path in [
        "/pipelines/none",
        "/pipelines/canal/executions/00000000-0000-4000-8000-000000000000",
        "/nothing",
        "/assets/none",
    ] {
        let page = server.get(path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert!(page.text().contains("<h1>Not found</h1>"), "{path}");
    }
}

#[tokio::test]
async fn pages_need_nothing_from_elsewhere() {
    let server = Server::with_pipeline().await;
    server.start("good").await;
    let page = server.get("/pipelines/canal").await.text();
    for forbidden in ["style=\"", "onclick", "<style", "https://", "<script>"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    for asset in ["style.css", "live.js", "favicon.svg"] {
        assert_eq!(server.get(&format!("/assets/{asset}")).await.status, StatusCode::OK);
    }
}
