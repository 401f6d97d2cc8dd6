//! The logs of the functions: an invocation is a stream of its own at the emulator, a call a line in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// With more invocations than these only the latest are looked at, of so many milliseconds.
const MANY: usize = 1000;
const RECENT: u64 = 30_000;

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

    /// The invocations since a moment: of older ones the emulator would give the first 10,000 lines, and no more.
    async fn lines(&self, since: u64) -> Lines {
        let mut lines = Lines::new();
        for function in FUNCTIONS {
            self.read(function, since, &mut lines).await;
        }
        lines
    }

    /// The invocations since a moment.
    pub(crate) async fn invocations_since(&self, moment: u64) -> Vec<Invocation> {
        self.lines(moment).await.into_values().collect()
    }

    /// Waits until nothing happens any more; the moment.
    pub(crate) async fn settled(&self) -> u64 {
        let (mut since, mut seen, mut quiet) = (now(), BTreeSet::new(), 0);
        while quiet < QUIET {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let lines = self.lines(since).await.into_keys();
            let streams: BTreeSet<_> = lines.filter(|(function, _)| function != "sweeper").collect();
            quiet = if streams.is_subset(&seen) { quiet + 1 } else { 0 };
            if streams.len() > MANY {
                since = now() - RECENT;
            }
            seen.extend(streams);
        }
        now()
    }

    async fn read(&self, function: &str, since: u64, lines: &mut Lines) {
        let group = format!("/penstock/{NAME}/{function}");
        let mut input = json!({"logGroupName": group, "limit": 10_000, "startTime": since});
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

/// In milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_millis().try_into().unwrap()
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
