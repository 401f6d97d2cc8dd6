//! Branch heads and comparisons against a stand-in for GitHub's API on loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use penstock_app::port::PortError;
use penstock_app::port::branches::{BranchError, Branches, Comparison, Head, Relation};
use penstock_app::port::secrets::Secrets;
use penstock_github::branches::GitHubBranches;
use serde_json::json;

struct Token;

#[async_trait]
impl Secrets for Token {
    async fn secret(&self, name: &str) -> Result<String, PortError> {
        if name == "token" { Ok("t0ken".to_owned()) } else { Err(PortError::permanent("no such secret")) }
    }
}

/// A private repository: without the token there is none.
fn may_read(headers: &HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|token| token == "Bearer t0ken")
}

async fn commit(
    Path((owner, name, reference)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    match reference.as_str() {
        _ if !may_read(&headers) && name == "limited" => {
            return (StatusCode::FORBIDDEN, [("x-ratelimit-remaining", "0")], "{}").into_response();
        }
        _ if name == "limited" => {
            return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "60")], "{}").into_response();
        }
        "heads/hidden" => return StatusCode::FORBIDDEN.into_response(),
        "heads/late" => return StatusCode::UNAUTHORIZED.into_response(),
        "heads/empty" => return StatusCode::CONFLICT.into_response(),
        "heads/gone" => return StatusCode::UNPROCESSABLE_ENTITY.into_response(),
        "heads/feature/x" if may_read(&headers) => {}
        _ => return StatusCode::NOT_FOUND.into_response(),
    }
    assert_eq!((owner.as_str(), name.as_str()), ("acme", "web"));
    let committer = json!({"date": "2026-01-02T03:04:05Z"});
    Json(json!({"sha": "aaaa", "commit": {"message": "m", "author": null, "committer": committer}}))
        .into_response()
}

async fn compare(Path((_, _, range)): Path<(String, String, String)>) -> Response {
    let file = |name: &str| json!({"filename": name, "status": "modified"});
    let renamed = json!({"filename": "new", "previous_filename": "old", "status": "renamed"});
    let many: Vec<_> = (0..300).map(|number| file(&number.to_string())).collect();
    Json(match range.as_str() {
        "a...b" => json!({"status": "ahead", "files": [file("x"), renamed]}),
        "b...a" => json!({"status": "behind", "files": []}),
        "a...a" => json!({"status": "identical"}),
        "a...c" => json!({"status": "diverged", "files": many}),
        "limited...b" => {
            return (StatusCode::FORBIDDEN, [("x-ratelimit-remaining", "0")], "{}").into_response();
        }
        _ => return StatusCode::NOT_FOUND.into_response(),
    })
    .into_response()
}

async fn served() -> String {
    let router = Router::new()
        .route("/repos/{owner}/{name}/commits/{*reference}", get(commit))
        .route("/repos/{owner}/{name}/compare/{range}", get(compare));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

#[tokio::test]
async fn heads_are_read_under_the_token() {
    let url = served().await;
    let branches = GitHubBranches::new(url.clone());
    let refused = branches.head("acme/web", "feature/x").await.unwrap_err();
    assert!(matches!(&refused, BranchError::Absent(why) if why.contains("acme/web")), "{refused}");
    let branches = branches.with_token_from(Arc::new(Token), "token");
    let head = Head { commit: "aaaa".into(), committed_at: Some("2026-01-02T03:04:05Z".into()) };
    assert_eq!(branches.head("acme/web", "feature/x").await.unwrap(), head);
    let wrong = branches.head("../web", "main").await.unwrap_err();
    assert!(wrong.to_string().contains("no owner/name"), "{wrong}");
    let unread = GitHubBranches::new(url).with_token_from(Arc::new(Token), "other");
    assert!(unread.head("acme/web", "feature/x").await.unwrap_err().to_string().contains("no such secret"));
}

#[tokio::test]
async fn a_branch_that_is_not_there_is_told_from_one_that_may_not_be_read() {
    let anonymous = GitHubBranches::new(served().await);
    let known = GitHubBranches::new(served().await).with_token_from(Arc::new(Token), "token");
    for branch in ["gone", "empty", "other"] {
        let told = known.head("acme/web", branch).await.unwrap_err();
        assert!(matches!(told, BranchError::Absent(_)), "{branch}: {told:?}");
    }
    for branch in ["hidden", "late", "../x"] {
        let told = known.head("acme/web", branch).await.unwrap_err();
        assert!(matches!(&told, BranchError::Failed(error) if !error.retryable), "{branch}: {told:?}");
    }
    let told = anonymous.head("acme/limited", "main").await.unwrap_err();
    assert!(matches!(told, BranchError::UsedUp(_)), "{told:?}");
    let told = known.head("acme/limited", "main").await.unwrap_err();
    assert!(matches!(&told, BranchError::Failed(error) if error.retryable), "its token's own: {told:?}");
}

#[tokio::test]
async fn commits_are_compared() {
    let branches = GitHubBranches::new(served().await);
    let compare = async |base: &str, head: &str| branches.compare("acme/web", base, head).await.unwrap();
    let of = |relation, paths: Option<&[&str]>| Comparison {
        relation,
        changed_paths: paths.map(|paths| paths.iter().map(|path| (*path).to_owned()).collect()),
    };
    assert_eq!(compare("a", "b").await, of(Relation::After, Some(&["x", "new", "old"])));
    assert_eq!(compare("b", "a").await, of(Relation::NotAfter, Some(&[])));
    assert_eq!(compare("a", "a").await, of(Relation::NotAfter, Some(&[])));
    assert_eq!(compare("a", "c").await, of(Relation::Apart, None), "a long list may be cut");
    assert_eq!(compare("gone", "b").await, of(Relation::Apart, None), "it was written anew");
    let limited = branches.compare("acme/web", "limited", "b").await.unwrap_err();
    assert!(matches!(limited, BranchError::UsedUp(_)), "{limited}");
}
