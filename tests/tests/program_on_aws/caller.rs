//! Calls of any AWS service through boto3, in one process for all: what a person would do in the account.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use penstock_testkit::python::{Environment, Requirements};
use serde_json::{Value as Json, json};

/// boto3, ready for calls.
pub(crate) struct Caller(Mutex<Pipes>);

struct Pipes {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Caller {
    /// With the environment variables `environment`.
    pub(crate) fn start(environment: &[(String, String)]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/caller.py");
        let mut child = Command::new(Environment::of(Requirements::Clients).python())
            .arg(script)
            .envs(environment.iter().cloned())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("AWS_PROFILE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (requests, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self(Mutex::new(Pipes { child, requests, answers: BufReader::new(answers) }))
    }

    /// Such as `call("sqs", "send_message", json!({...}))`; fails the test if the service refuses.
    pub(crate) fn call(&self, service: &str, operation: &str, input: &Json) -> Json {
        let mut pipes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(pipes.requests, "{}", json!([service, operation, input])).unwrap();
        let mut line = String::new();
        pipes.answers.read_line(&mut line).unwrap();
        let answer: Json = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no answer: {line}"));
        assert!(answer["error"].is_null(), "{service} {operation}: {}", answer["error"]);
        answer["answer"].clone()
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
