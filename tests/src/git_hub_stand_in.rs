//! A stand-in for GitHub's API on loopback: commits, their archives, their statuses.
//!
//! It serves `GET /repos/O/R/commits/REF`, `GET /repos/O/R/tarball/SHA` and `POST /repos/O/R/statuses/SHA` (GitHub REST API,
//! "Get a commit", "Download a repository archive (tar)", "Create a commit status"). What nobody pushed is a 404.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, State as Extracted};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json as Body, Router};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

/// A status that somebody set on a commit.
#[derive(Debug, Clone)]
pub struct Status {
    /// The commit's id.
    pub sha: String,
    /// The request's body: `state`, `context`, `description`, `target_url`.
    pub body: Json,
    /// The request's `Authorization`.
    pub authorization: Option<String>,
}

#[derive(Default)]
struct State {
    commits: Mutex<BTreeMap<String, Commit>>,
    /// Repository and branch to commit.
    branches: Mutex<BTreeMap<String, String>>,
    statuses: Mutex<Vec<Status>>,
}

#[derive(Clone)]
struct Commit {
    repository: String,
    message: String,
    archive: Vec<u8>,
}

/// The stand-in; it ends when this is dropped.
pub struct GitHubStandIn {
    address: SocketAddr,
    state: Arc<State>,
    runtime: Option<Runtime>,
}

impl GitHubStandIn {
    /// Starts it on a free loopback port.
    ///
    /// # Panics
    /// If it cannot.
    pub fn start() -> Self {
        let state = Arc::new(State::default());
        let router = Router::new()
            .route("/repos/{owner}/{name}/commits/{*reference}", get(commit))
            .route("/repos/{owner}/{name}/tarball/{sha}", get(archive))
            .route("/repos/{owner}/{name}/statuses/{sha}", post(status))
            .with_state(Arc::clone(&state));
        let runtime = Runtime::new().expect("a runtime");
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
        let address = listener.local_addr().expect("its address");
        listener.set_nonblocking(true).expect("a listener for tokio");
        runtime.spawn(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, router).await.expect("a server");
        });
        Self { address, state, runtime: Some(runtime) }
    }

    /// The API's address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Pushes a commit of `files`, path and text each, to the branch `main` of `repository`; says its id.
    ///
    /// # Panics
    /// If the archive cannot be written.
    pub fn push(&self, repository: &str, message: &str, files: &[(&str, &str)]) -> String {
        let archive = tar_gz(repository, files);
        let digest = Sha256::new().chain_update(repository).chain_update(message).chain_update(&archive);
        let sha = hex::encode(&digest.finalize()[..20]);
        let commit = Commit { repository: repository.to_owned(), message: message.to_owned(), archive };
        held(&self.state.commits).insert(sha.clone(), commit);
        held(&self.state.branches).insert(format!("{repository}/main"), sha.clone());
        sha
    }

    /// The statuses that were set, oldest first.
    pub fn statuses(&self) -> Vec<Status> {
        held(&self.state.statuses).clone()
    }
}

impl Drop for GitHubStandIn {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Not waited for: a runtime may not be waited for within another.
            runtime.shutdown_background();
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An archive as GitHub makes it: everything lies in one folder.
fn tar_gz(repository: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(vec![], Compression::fast()));
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        let name = format!("{}-0000000/{name}", repository.replace('/', "-"));
        builder.append_data(&mut header, name, text.as_bytes()).expect("a file in the archive");
    }
    builder.into_inner().and_then(GzEncoder::finish).expect("an archive")
}

type Shared = Extracted<Arc<State>>;

async fn commit(
    Extracted(state): Shared,
    Path((owner, name, reference)): Path<(String, String, String)>,
) -> Response {
    let branch = held(&state.branches).get(&format!("{owner}/{name}/{reference}")).cloned();
    let sha = branch.unwrap_or(reference);
    let Some(commit) = found(&state, &sha, &owner, &name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let person = json!({"name": "Octo", "date": "2026-01-02T03:04:05Z"});
    Body(json!({
        "sha": sha,
        "html_url": format!("https://github.example/{owner}/{name}/commit/{sha}"),
        "commit": {"message": commit.message, "author": person, "committer": person},
    }))
    .into_response()
}

async fn archive(
    Extracted(state): Shared,
    Path((owner, name, sha)): Path<(String, String, String)>,
) -> Response {
    match found(&state, &sha, &owner, &name) {
        Some(commit) => ([(header::CONTENT_TYPE, "application/x-gzip")], commit.archive).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn status(
    Extracted(state): Shared,
    Path((owner, name, sha)): Path<(String, String, String)>,
    headers: HeaderMap,
    Body(body): Body<Json>,
) -> StatusCode {
    if found(&state, &sha, &owner, &name).is_none() {
        return StatusCode::NOT_FOUND;
    }
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    held(&state.statuses).push(Status { sha, body, authorization: authorization.map(str::to_owned) });
    StatusCode::CREATED
}

fn found(state: &State, sha: &str, owner: &str, name: &str) -> Option<Commit> {
    let commit = held(&state.commits).get(sha).cloned()?;
    (commit.repository == format!("{owner}/{name}")).then_some(commit)
}
