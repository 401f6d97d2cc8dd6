//! A stand-in for GitHub's API on loopback: commits, how they relate, their archives, their statuses.
//!
//! It serves `GET /repos/O/R/commits/REF` (`SHA`, `BRANCH` or `heads/BRANCH`), `GET /repos/O/R/compare/BASE...HEAD`,
//! `GET /repos/O/R/tarball/SHA` and `POST /repos/O/R/statuses/SHA` (GitHub REST API, "Get a commit", "Compare two commits",
//! "Download a repository archive (tar)", "Create a commit status"). What nobody pushed is a 404. A branch has one history:
//! each push follows the one before.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
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
    /// Repository and branch to commits, oldest first.
    branches: Mutex<BTreeMap<String, Vec<String>>>,
    statuses: Mutex<Vec<Status>>,
}

#[derive(Clone)]
struct Commit {
    repository: String,
    message: String,
    /// Path to text.
    files: BTreeMap<String, String>,
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
            .route("/repos/{owner}/{name}/compare/{range}", get(compare))
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
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let (repository, message) = (repository.to_owned(), message.to_owned());
        let branch = format!("{repository}/main");
        let commit = Commit { repository, message, files, archive };
        held(&self.state.commits).insert(sha.clone(), commit);
        held(&self.state.branches).entry(branch).or_default().push(sha.clone());
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
    let branch = reference.strip_prefix("heads/").unwrap_or(&reference);
    let head =
        held(&state.branches).get(&format!("{owner}/{name}/{branch}")).and_then(|all| all.last().cloned());
    let sha = head.unwrap_or(reference);
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

async fn compare(
    Extracted(state): Shared,
    Path((owner, name, range)): Path<(String, String, String)>,
) -> Response {
    let Some((base, head)) = range.split_once("...") else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let commits = (found(&state, base, &owner, &name), found(&state, head, &owner, &name));
    let (Some(old), Some(new)) = commits else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let branches = held(&state.branches);
    let history = branches.get(&format!("{owner}/{name}/main")).map_or(&[][..], Vec::as_slice);
    let place = |sha: &str| history.iter().position(|it| it == sha).unwrap_or_default();
    let (from, to) = (place(base), place(head));
    let status = match to.cmp(&from) {
        Ordering::Greater => "ahead",
        Ordering::Equal => "identical",
        Ordering::Less => "behind",
    };
    // The comparison begins at the merge base: of a head that lies behind, that is the head itself.
    let files = if to > from { changed(&old, &new) } else { vec![] };
    Body(json!({
        "status": status, "ahead_by": to.saturating_sub(from), "behind_by": from.saturating_sub(to),
        "total_commits": to.saturating_sub(from), "base_commit": {"sha": base},
        "merge_base_commit": {"sha": if to > from { base } else { head }}, "files": files,
    }))
    .into_response()
}

/// The files that differ.
fn changed(old: &Commit, new: &Commit) -> Vec<Json> {
    let paths: BTreeSet<&String> = old.files.keys().chain(new.files.keys()).collect();
    let differ = paths.into_iter().filter(|path| old.files.get(*path) != new.files.get(*path));
    let file = |path: &String| {
        let status = match (old.files.contains_key(path), new.files.contains_key(path)) {
            (false, _) => "added",
            (true, false) => "removed",
            (true, true) => "modified",
        };
        json!({"filename": path, "status": status})
    };
    differ.map(file).collect()
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
