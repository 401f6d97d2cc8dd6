//! A server under measurement: a git repository, its pipelines, and the release binary serving them.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The webhook secret of the server under measurement.
pub(crate) const SECRET: &str = "a secret for measuring";

/// A running `penstock up` over a git repository of its own.
pub(crate) struct Server {
    /// The repository, which is also the server's working folder.
    pub(crate) folder: TempDir,
    /// From the start of the process to its first line.
    pub(crate) start: Duration,
    child: Child,
    endpoint: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Server {
    /// Starts a server in a new repository with one commit.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        git(folder.path(), &["init", "-q", "-b", "main"]);
        std::fs::write(folder.path().join("README.md"), "# measured\n").expect("a file");
        std::fs::create_dir(folder.path().join("src")).expect("a folder");
        for index in 0..20 {
            std::fs::write(folder.path().join(format!("src/{index}.txt")), "x".repeat(2000)).expect("a file");
        }
        commit(folder.path(), "first");
        let begun = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_penstock"))
            .args(["up", "--listen", "127.0.0.1:0"])
            .current_dir(folder.path())
            .env("PENSTOCK_WEBHOOK_SECRET", SECRET)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("penstock up");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("its first line");
        let start = begun.elapsed();
        let endpoint = line.trim().strip_prefix("LISTENING ").expect("LISTENING").to_owned();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { folder, start, child, endpoint, client: reqwest::Client::new(), runtime }
    }

    /// The server's resident memory in MB.
    pub(crate) fn resident_megabytes(&self) -> f64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its resident memory");
        line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<f64>().ok()).expect("a number")
            / 1024.0
    }

    /// Calls an operation of CodePipeline's API.
    pub(crate) fn call(&self, operation: &str, input: &Value) -> Value {
        self.runtime.block_on(self.call_later(operation, input))
    }

    async fn call_later(&self, operation: &str, input: &Value) -> Value {
        let response = self
            .client
            .post(&self.endpoint)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("CodePipeline_20150709.{operation}"))
            .body(input.to_string())
            .send()
            .await
            .expect("an answer");
        let ok = response.status().is_success();
        let body = response.bytes().await.expect("a body");
        assert!(ok, "{operation}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap_or(Value::Null)
    }

    /// Starts `count` executions of each pipeline, all requests under way at once.
    pub(crate) fn start_all(&self, pipelines: &[String], count: usize) {
        self.runtime.block_on(async {
            let calls = (0..count).flat_map(|_| pipelines).map(|name| async move {
                self.call_later("StartPipelineExecution", &json!({"name": name})).await;
            });
            let mut open: Vec<_> = calls.map(Box::pin).collect();
            std::future::poll_fn(|context| {
                open.retain_mut(|call| call.as_mut().poll(context).is_pending());
                if open.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
        });
    }

    /// Posts a signed push of the repository's head and says when it was sent, in seconds since 1970.
    pub(crate) fn push(&self, delivery: &str) -> f64 {
        let sha = head(self.folder.path());
        let body = json!({
            "ref": "refs/heads/main", "before": "0".repeat(40), "after": sha, "deleted": false, "created": false,
            "repository": {"full_name": "measured/measured", "default_branch": "main"},
            "pusher": {"name": "bench"}, "commits": [], "head_commit": {"id": sha, "message": "measured"}
        })
        .to_string();
        let signature = sign(body.as_bytes());
        let request = self
            .client
            .post(format!("{}/webhooks/github", self.endpoint))
            .header("content-type", "application/json")
            .header("x-github-event", "push")
            .header("x-github-delivery", delivery)
            .header("x-hub-signature-256", signature)
            .body(body);
        let sent = now();
        let response = self.runtime.block_on(request.send()).expect("an answer");
        assert_eq!(response.status().as_u16(), 202, "the push is taken");
        sent
    }

    /// The newest execution of `pipeline`, once `done` says so of it.
    pub(crate) fn wait(&self, pipeline: &str, done: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let url = format!("{}/penstock/v1/pipelines/{pipeline}/executions/latest", self.endpoint);
            let response =
                self.runtime.block_on(async { self.client.get(url).send().await?.json::<Value>().await });
            if let Ok(view) = response
                && done(&view)
            {
                return view;
            }
            assert!(Instant::now() < deadline, "the execution of {pipeline} does not end");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A pipeline with a source and `stages`, each one Commands action that takes the source artifact.
pub(crate) fn pipeline(name: &str, mode: &str, stages: usize, command: &str) -> Value {
    let source = json!({
        "name": "Source",
        "actions": [{
            "name": "Fetch",
            "actionTypeId": {"category": "Source", "owner": "ThirdParty", "provider": "GitHub", "version": "1"},
            "outputArtifacts": [{"name": "SourceOutput"}]
        }]
    });
    let stage = |index: usize| {
        json!({
            "name": format!("Stage{index}"),
            "actions": [{
                "name": "Go",
                "actionTypeId": {"category": "Compute", "owner": "AWS", "provider": "Commands", "version": "1"},
                "commands": [command],
                "inputArtifacts": [{"name": "SourceOutput"}]
            }]
        })
    };
    let stages: Vec<Value> = std::iter::once(source).chain((0..stages).map(stage)).collect();
    json!({"pipeline": {
        "name": name, "roleArn": "arn:aws:iam::000000000000:role/measured", "executionMode": mode, "pipelineType": "V2",
        "artifactStore": {"type": "S3", "location": "measured"}, "stages": stages, "version": 1
    }})
}

/// Seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs_f64()
}

/// Signs `body` as GitHub does.
pub(crate) fn sign(body: &[u8]) -> String {
    penstock_github::signature::WebhookSecrets::new([SECRET]).sign(body).expect("a secret")
}

/// Commits everything in `folder`.
pub(crate) fn commit(folder: &Path, message: &str) {
    git(folder, &["add", "-A"]);
    git(
        folder,
        &["-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "-q", "-m", message],
    );
}

fn head(folder: &Path) -> String {
    let output =
        Command::new("git").args(["rev-parse", "HEAD"]).current_dir(folder).output().expect("git rev-parse");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

fn git(folder: &Path, arguments: &[&str]) {
    let status = Command::new("git").args(arguments).current_dir(folder).status().expect("git");
    assert!(status.success(), "git {arguments:?}");
}
