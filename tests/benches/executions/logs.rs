//! The logs of the functions: an invocation is a stream of its own at the emulator, a call a line in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use penstock_aws::sdk::Sdk;
use penstock_aws::signing::{Signer, Unsigned};
use serde_json::{Value as Json, json};

use crate::stack::{NAME, Stack};

/// All nine.
pub(crate) const FUNCTIONS: [&str; 9] =
    ["webhook", "observer", "approval", "api", "transition", "action", "artifact", "notification", "sweeper"];
/// What `CloudWatch` adds to each event's bytes ("`CloudWatch` Logs quotas").
const OF_AN_EVENT: usize = 26;
/// How long nothing may be logged until everything is over; a sweep is not waited for.
const QUIET: u32 = 5;

/// What one invocation logged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Invocation {
    pub(crate) function: String,
    /// `Service.Operation`, in order.
    pub(crate) calls: Vec<String>,
    /// What would be logged were calls not.
    pub(crate) bytes: usize,
}

/// The invocations of a function, by stream.
pub(crate) type Lines = BTreeMap<(String, String), Invocation>;

/// Reads the logs.
pub(crate) struct Logs {
    url: String,
    http: reqwest::Client,
    signer: Signer,
}

impl Logs {
    pub(crate) fn new(stack: &Stack) -> Self {
        let signer = Signer::new(&Sdk::from_config(stack.sdk()), "logs", "us-east-1").unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { url: format!("{}/", stack.emulator.url()), http, signer }
    }

    /// All invocations so far.
    pub(crate) async fn lines(&self) -> Lines {
        let mut lines = Lines::new();
        for function in FUNCTIONS {
            self.read(function, &mut lines).await;
        }
        lines
    }

    /// The invocations that were not there `before`, without the sweeper's.
    pub(crate) async fn invocations_since(&self, before: &Lines) -> Vec<Invocation> {
        let known: BTreeSet<_> = before.keys().collect();
        let now = self.lines().await;
        now.iter().filter(|(stream, _)| !known.contains(stream)).map(|(_, it)| it.clone()).collect()
    }

    /// Waits until nothing happens any more.
    pub(crate) async fn settled(&self) {
        let (mut seen, mut quiet) = (0, 0);
        while quiet < QUIET {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = self.lines().await.keys().filter(|(function, _)| function != "sweeper").count();
            quiet = if now == seen { quiet + 1 } else { 0 };
            seen = now;
        }
    }

    async fn read(&self, function: &str, lines: &mut Lines) {
        let mut input = json!({"logGroupName": format!("/penstock/{NAME}/{function}"), "limit": 10_000});
        loop {
            let page = self.call("FilterLogEvents", &input).await;
            for event in page["events"].as_array().into_iter().flatten() {
                let text = |name: &str| event[name].as_str().unwrap_or_default();
                let stream = (function.to_owned(), text("logStreamName").to_owned());
                let invocation = lines.entry(stream).or_default();
                function.clone_into(&mut invocation.function);
                invocation.add(text("message"));
            }
            match page["nextToken"].as_str() {
                Some(token) => input["nextToken"] = json!(token),
                None => return,
            }
        }
    }

    async fn call(&self, operation: &str, input: &Json) -> Json {
        let (target, body) = (format!("Logs_20140328.{operation}"), input.to_string());
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        let unsigned = Unsigned { method: "POST", url: &self.url, headers: &headers, body: body.as_bytes() };
        let mut request = self.http.post(&self.url).body(body.clone());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        for (name, value) in self.signer.sign(&unsigned).await.unwrap() {
            request = request.header(name, value);
        }
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{operation}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }
}

impl Invocation {
    fn add(&mut self, message: &str) {
        let line: Json = serde_json::from_str(message).unwrap_or_default();
        if line["target"] == "penstock::calls" {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            self.calls.push(format!("{}.{}", text("service"), text("operation")));
        } else {
            self.bytes += message.len() + OF_AN_EVENT;
        }
    }
}
