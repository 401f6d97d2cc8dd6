//! One life of the server: from its start to its death, and what can be asked of it meanwhile.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value as Json;
use sha2::Sha256;
use tokio::runtime::Runtime;

/// The secret of the webhook.
const SECRET: &str = "water";

/// A server that runs, or was killed.
pub(crate) struct Server {
    child: Arc<Mutex<Child>>,
    killer: Option<JoinHandle<()>>,
    first_line: Receiver<String>,
    url: Option<String>,
    client: Client,
    runtime: Runtime,
}

impl Server {
    /// `penstock up` in `tree`, the `number`th. After `life`, if it has an end, it is killed.
    pub(crate) fn start(program: &Path, tree: &Path, number: usize, life: Option<Duration>) -> Self {
        let mut child = Command::new(program)
            .args(["up", "--listen", "127.0.0.1:0"])
            .current_dir(tree)
            .env("PENSTOCK_WEBHOOK_SECRET", SECRET)
            .env("USER", number.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, first_line) = channel();
        thread::spawn(move || {
            let mut line = String::new();
            // The end of a server that was killed before it listened.
            if stdout.read_line(&mut line).is_ok() {
                let _ = sender.send(line);
            }
        });
        let child = Arc::new(Mutex::new(child));
        let killer = life.map(|life| {
            let child = Arc::clone(&child);
            thread::spawn(move || {
                // The moment of the kill is the story: nothing is waited for.
                thread::sleep(life);
                let mut child = child.lock().unwrap();
                child.kill().unwrap();
                let status = child.wait().unwrap();
                assert_eq!(status.signal(), Some(9), "it ended by itself: {status}");
            })
        });
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { child, killer, first_line, url: None, client, runtime }
    }

    /// Waits until it listens; false if it was killed before.
    pub(crate) fn listens(&mut self) -> bool {
        let line = self.first_line.recv_timeout(Duration::from_secs(60)).unwrap_or_default();
        self.url = line.trim_end().strip_prefix("LISTENING ").map(str::to_owned);
        assert!(self.url.is_some() || line.is_empty(), "an odd first line: {line}");
        assert!(self.url.is_some() || self.killer.is_some(), "the server does not start");
        self.url.is_some()
    }

    /// Whether it was killed.
    pub(crate) fn is_dead(&self) -> bool {
        self.killer.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Waits until it is dead.
    pub(crate) fn die(mut self) {
        self.killer.take().unwrap().join().unwrap();
    }

    /// Ends it as a person does, by SIGTERM.
    pub(crate) fn end(self) {
        let mut child = self.child.lock().unwrap();
        let sent = Command::new("kill").arg(child.id().to_string()).status().unwrap();
        assert!(sent.success());
        assert!(child.wait().unwrap().success(), "it does not end well");
    }

    /// Announces `commit` as GitHub does; nothing if the answer got lost.
    pub(crate) fn push(&self, delivery: &str, commit: &str) -> Option<Json> {
        let body = serde_json::json!({
            "ref": "refs/heads/main", "after": commit, "repository": {"full_name": "demo/river"},
            "pusher": {"name": "operator"}, "commits": [], "head_commit": {"id": commit, "message": "Change"},
        })
        .to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
        let headers = [
            ("content-type", "application/json"),
            ("x-github-event", "push"),
            ("x-github-delivery", delivery),
            ("x-hub-signature-256", &signature),
        ];
        let (status, answer) = self.ask(Method::POST, "/webhooks/github", &headers, body.clone())?;
        assert!(status.is_success(), "{status}: {answer}");
        Some(serde_json::from_str(&answer).unwrap())
    }

    /// Creates or updates a pipeline.
    pub(crate) fn apply(&self, definition: &str) {
        let answer = self.ask(Method::POST, "/penstock/v1/apply", &[], definition.to_owned());
        assert!(answer.as_ref().is_some_and(|(status, _)| status.is_success()), "{answer:?}");
    }

    /// The answer to a GET below `/penstock/v1`; nothing if it got lost.
    pub(crate) fn get(&self, path: &str) -> Option<Json> {
        let (status, answer) = self.ask(Method::GET, &format!("/penstock/v1{path}"), &[], String::new())?;
        assert!(status.is_success(), "{path}: {status}: {answer}");
        Some(serde_json::from_str(&answer).unwrap())
    }

    /// Approves by the page at `path`.
    pub(crate) fn approve(&self, path: &str) {
        let form = "name=Operator&pipeline=river&verdict=approve&comment=fine".to_owned();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        if let Some((status, answer)) = self.ask(Method::POST, path, &headers, form) {
            assert!(status.is_success() || status == StatusCode::GONE, "{status}: {answer}");
        }
    }

    fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Option<(StatusCode, String)> {
        let url = self.url.as_ref().unwrap();
        let mut request = self.client.request(method, format!("{url}{path}")).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.runtime.block_on(async {
            let response = request.send().await?;
            Ok::<_, reqwest::Error>((response.status(), response.text().await?))
        });
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                assert!(self.killer.is_some(), "a server that nobody kills does not answer: {error:?}");
                None
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(mut child) = self.child.lock() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
