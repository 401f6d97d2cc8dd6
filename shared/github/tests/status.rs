//! Commit statuses against a stand-in for GitHub's API on loopback: what is sent, what is refused for good, what passes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use penstock_app::port::PortError;
use penstock_app::port::secrets::Secrets;
use penstock_app::port::statuses::{CommitStatus, Shown, StatusState, Statuses};
use penstock_github::status::GitHubStatuses;
use serde_json::{Value, json};

const SHA: &str = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";

struct Token;

#[async_trait]
impl Secrets for Token {
    async fn secret(&self, name: &str) -> Result<String, PortError> {
        assert_eq!(name, "github-token");
        Ok("t0ken".to_owned())
    }
}

/// What was asked, and what is answered instead of success.
#[derive(Default)]
struct Seen {
    set: Vec<(String, String, Value)>,
    refusal: Option<(u16, &'static str, &'static str)>,
}

type Api = Arc<Mutex<Seen>>;

async fn set(
    State(seen): State<Api>,
    UrlPath((owner, name, sha)): UrlPath<(String, String, String)>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    assert_eq!(headers["authorization"], "Bearer t0ken");
    assert_eq!(headers["accept"], "application/vnd.github+json");
    assert!(headers.contains_key("user-agent"), "GitHub refuses calls without one");
    let mut seen = seen.lock().unwrap();
    seen.set.push((format!("{owner}/{name}"), sha, body));
    match seen.refusal {
        Some((status, header, value)) => {
            (StatusCode::from_u16(status).unwrap(), [(header, value)], "{}").into_response()
        }
        None => (StatusCode::CREATED, "{}").into_response(),
    }
}

/// The stand-in, and statuses that go to it.
async fn github() -> (Api, GitHubStatuses) {
    let (seen, url) = stand_in("").await;
    (seen, GitHubStatuses::new(url, Arc::new(Token), "github-token"))
}

/// A stand-in whose API lies under `path`, and the API's address.
async fn stand_in(path: &str) -> (Api, String) {
    let seen = Api::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let route = format!("{path}/repos/{{owner}}/{{name}}/statuses/{{sha}}");
    let router = Router::new().route(&route, post(set)).with_state(seen.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (seen, format!("{url}{path}"))
}

fn status(state: StatusState) -> CommitStatus {
    CommitStatus {
        repository: "acme/web".to_owned(),
        commit: SHA.to_owned(),
        state,
        context: "penstock/web".to_owned(),
        description: "Build/Compile: \"npm test\" failed ✗".to_owned(),
        target_url: Some("https://penstock.example/pipelines/web".to_owned()),
    }
}

#[tokio::test]
async fn each_state_is_set_under_the_pipelines_context_with_a_link() {
    let (seen, statuses) = github().await;
    let states = [
        (StatusState::Pending, "pending"),
        (StatusState::Success, "success"),
        (StatusState::Failure, "failure"),
        (StatusState::Error, "error"),
    ];
    for (state, word) in states {
        assert_eq!(statuses.set(&status(state)).await.unwrap(), Shown::Yes);
        let (repository, sha, body) = seen.lock().unwrap().set.pop().unwrap();
        assert_eq!((repository.as_str(), sha.as_str()), ("acme/web", SHA));
        let expected = json!({
            "state": word,
            "context": "penstock/web",
            "description": "Build/Compile: \"npm test\" failed ✗",
            "target_url": "https://penstock.example/pipelines/web",
        });
        assert_eq!(body, expected);
    }
}

/// The first status is set before anything runs that has a page.
#[tokio::test]
async fn a_status_without_a_page_of_its_own_leads_to_the_commits() {
    let (seen, url) = stand_in("/api/v3").await;
    let statuses = GitHubStatuses::new(&url, Arc::new(Token), "github-token");
    let first = CommitStatus { target_url: None, ..status(StatusState::Pending) };
    assert_eq!(statuses.set(&first).await.unwrap(), Shown::Yes);
    let (_, _, body) = seen.lock().unwrap().set.pop().unwrap();
    let site = url.strip_suffix("/api/v3").unwrap();
    assert_eq!(body["target_url"], format!("{site}/acme/web/commit/{SHA}"));
}

/// GitHub REST API, "Rate limits": the primary one leaves none, secondary ones say when to come back.
#[tokio::test]
async fn what_passes_is_told_from_what_stays_refused() {
    let (seen, statuses) = github().await;
    for (code, header, value, passes) in [
        (401, "x-other", "", false),
        // So it answers too where the token may not see the repository.
        (404, "x-other", "", false),
        (403, "x-ratelimit-remaining", "12", false),
        (403, "x-ratelimit-remaining", "0", true),
        (403, "retry-after", "60", true),
        (429, "retry-after", "60", true),
        (500, "x-other", "", true),
        (502, "x-other", "", true),
    ] {
        seen.lock().unwrap().refusal = Some((code, header, value));
        let error = statuses.set(&status(StatusState::Pending)).await.unwrap_err();
        assert_eq!(error.retryable, passes, "{code} {header}: {error}");
        assert!(error.message.contains("acme/web") && !error.message.contains("t0ken"), "{error}");
    }
    for code in [400, 410, 422] {
        seen.lock().unwrap().refusal = Some((code, "x-other", ""));
        let Shown::Never { why } = statuses.set(&status(StatusState::Pending)).await.unwrap() else {
            panic!("{code} stays, whoever asks")
        };
        assert!(
            why.contains("acme/web") && why.contains(&code.to_string()) && !why.contains("t0ken"),
            "{why}"
        );
    }
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    drop(silent);
    let statuses = GitHubStatuses::new(url, Arc::new(Token), "github-token");
    assert!(statuses.set(&status(StatusState::Pending)).await.unwrap_err().retryable, "nobody answers");
}

#[tokio::test]
async fn nothing_but_a_repository_gets_into_the_address() {
    let (seen, statuses) = github().await;
    for repository in ["#{variables.Repo}", "acme", "acme/web/../../user", "acme/we b", "/web"] {
        let asked = CommitStatus { repository: repository.to_owned(), ..status(StatusState::Success) };
        let shown = statuses.set(&asked).await.unwrap();
        assert!(matches!(&shown, Shown::Never { why } if why.contains("owner/name")), "{shown:?}");
    }
    assert!(seen.lock().unwrap().set.is_empty());
}
