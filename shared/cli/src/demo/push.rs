//! A push as GitHub would announce it: a signed webhook delivery over HTTP.

use std::path::Path;

use penstock_github::signature::WebhookSecrets;
use penstock_model::id::{ExecutionId, PipelineName};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::git::git;
use crate::client::Client;
use crate::exit::{Exit, Failure};

/// The repository that the demo pretends to be on GitHub.
const REPOSITORY: &str = "demo/millrace";

/// A push that was delivered.
#[derive(Debug, Clone)]
pub(super) struct Delivered {
    /// The commit at the branch's head.
    pub(super) commit: String,
    /// The server's answer: status and what became of each pipeline.
    pub(super) status: u16,
    /// The execution that it started.
    pub(super) execution: ExecutionId,
    /// The pipeline of that execution.
    pub(super) pipeline: PipelineName,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    pipelines: Vec<Told>,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    name: PipelineName,
    execution_id: Option<ExecutionId>,
    reason: Option<String>,
}

/// Announces the head of `folder`'s branch to the server, signed with `secret`.
pub(super) async fn announce(client: &Client, folder: &Path, secret: &str) -> anyhow::Result<Delivered> {
    let push = payload(folder)?;
    let commit = push["after"].as_str().unwrap_or_default().to_owned();
    let body = push.to_string();
    let signature = WebhookSecrets::new([secret]).sign(body.as_bytes()).unwrap_or_default();
    let request = client
        .request(Method::POST, "/webhooks/github")
        .header("content-type", "application/json")
        .header("x-github-event", "push")
        .header("x-github-delivery", crate::nonce::uuid()?)
        .header("x-hub-signature-256", signature)
        .body(body);
    let response = client.send(request).await?;
    let status = response.status().as_u16();
    let answer: Answer = response.json().await?;
    let started =
        answer.pipelines.iter().find_map(|told| Some((told.name.clone(), told.execution_id.clone()?)));
    let Some((pipeline, execution)) = started else {
        let reasons = answer.pipelines.into_iter().filter_map(|told| told.reason).chain(answer.reason);
        let reasons = reasons.collect::<Vec<_>>().join("; ");
        return Err(Failure::new(Exit::Failed, format!("the push starts no pipeline: {reasons}")).into());
    };
    Ok(Delivered { commit, status, execution, pipeline })
}

/// What GitHub sends for a push to the checked-out branch.
fn payload(folder: &Path) -> anyhow::Result<Json> {
    let commit = git(folder, &["rev-parse", "HEAD"])?;
    let reference = git(folder, &["symbolic-ref", "HEAD"])?;
    let show = |format: &str| git(folder, &["show", "--no-patch", &format!("--format={format}"), "HEAD"]);
    let files = git(folder, &["diff-tree", "--root", "-r", "--no-commit-id", "--name-only", "HEAD"])?;
    let (name, email) = (show("%an")?, show("%ae")?);
    let head = json!({
        "id": commit,
        "message": show("%B")?,
        "timestamp": show("%cI")?,
        "author": { "name": name, "email": email },
        "added": [],
        "removed": [],
        "modified": files.lines().collect::<Vec<_>>(),
    });
    Ok(json!({
        "ref": reference,
        "before": git(folder, &["rev-parse", "HEAD~1"])?,
        "after": commit,
        "created": false,
        "deleted": false,
        "forced": false,
        "repository": { "full_name": REPOSITORY, "default_branch": "main" },
        "pusher": { "name": name, "email": email },
        "sender": { "login": name },
        "commits": [head],
        "head_commit": head,
    }))
}
