//! What the functions were seen to call while the other tests of this target ran, against the list to which the template's
//! tests hold their rights (`tests/tests/template/calls.json`).
//!
//! Each line of the list is a call and its resource: the name in the template, with a slash the part of a bucket or the index
//! of a table, after a space the kind of item or `version`. `always` is made in each run of these tests; `not always` has a
//! reason, and may or may not be seen.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_sdk_cloudwatchlogs::Client as Logs;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::build::root;
use crate::release::assert_forwards;
use crate::stack::{NAME, Stack, alone, stack, turns_over};

/// How long the last of the other tests may take.
const LONG: Duration = Duration::from_secs(600);
/// The emulator gives so many lines of a group and no more.
const MOST: usize = 10_000;
/// So they are asked for by so many milliseconds.
const WINDOW: i64 = 10_000;

/// The calls of a function.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    always: BTreeSet<String>,
    #[serde(rename = "not always")]
    not_always: BTreeMap<String, String>,
}

#[tokio::test]
async fn every_call_is_listed_and_what_is_listed_is_called() {
    let (others, is_whole) = (tests(true) - 1, tests(true) == tests(false));
    let deadline = Instant::now() + LONG;
    while turns_over() < others {
        assert!(Instant::now() < deadline, "the other tests do not end");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let _turn = alone().await;
    let stack = stack();
    assert_forwards(stack);
    let text = std::fs::read_to_string(root().join("tests/tests/template/calls.json")).unwrap();
    let listed: BTreeMap<String, Listed> = serde_json::from_str(&text).unwrap();
    let mut wrong = vec![];
    for (function, listed) in &listed {
        let seen = seen(stack, function).await;
        let is_listed =
            |call: &&String| listed.always.contains(*call) || listed.not_always.contains_key(*call);
        wrong.extend(
            seen.iter().filter(|it| !is_listed(it)).map(|it| format!("{function}: not listed: {it}")),
        );
        if is_whole {
            let unseen = listed.always.difference(&seen);
            wrong.extend(unseen.map(|it| format!("{function}: listed and never made: {it}")));
        }
    }
    assert!(wrong.is_empty(), "tests/tests/template/calls.json is not what was seen:\n{}", wrong.join("\n"));
}

/// How many tests this run has, or, without its filters, the target.
fn tests(of_this_run: bool) -> usize {
    let mut list = Command::new(std::env::current_exe().unwrap());
    if of_this_run {
        list.args(std::env::args_os().skip(1));
    }
    let list = list.args(["--list", "--format", "terse"]).output().unwrap();
    String::from_utf8(list.stdout).unwrap().lines().filter(|line| line.ends_with(": test")).count()
}

/// The calls that a function made with its own credentials.
async fn seen(stack: &Stack, function: &str) -> BTreeSet<String> {
    let logs = Logs::new(&stack.sdk());
    let mut calls = BTreeSet::new();
    let mut from = milliseconds(stack.begun);
    while from < milliseconds(SystemTime::now()) {
        let group = format!("/penstock/{NAME}/{function}");
        let lines =
            logs.filter_log_events().log_group_name(group).start_time(from).end_time(from + WINDOW - 1);
        let lines = lines.send().await.unwrap();
        assert!(lines.events().len() < MOST, "{function} logs more than the emulator tells");
        calls.extend(lines.events().iter().filter_map(|line| call(stack, line.message()?)));
        from += WINDOW;
    }
    calls
}

/// The call that a line tells of.
fn call(stack: &Stack, line: &str) -> Option<String> {
    let line: Json = serde_json::from_str(line).ok()?;
    if line["target"] != "penstock::calls" || line["own"] != true {
        return None;
    }
    let operation = format!("{}:{}", line["service"].as_str()?, line["operation"].as_str()?);
    let on = line["resource"].as_str().map(|resource| format!(" on {}", logical(stack, resource)));
    Some(operation + &on.unwrap_or_default())
}

/// A resource by its name in the template.
fn logical(stack: &Stack, resource: &str) -> String {
    let given = |whole: &str| {
        stack.parameters.iter().find_map(|it| it.split_once('=').filter(|it| it.1 == whole)).map(|it| it.0)
    };
    // The ARN of a parameter has slashes of its own.
    if let Some(name) = given(resource) {
        return name.to_owned();
    }
    let end = resource.find(['/', ' ']).unwrap_or(resource.len());
    let (physical, part) = resource.split_at(end);
    // The ARN of a secret ends in six characters more than its name.
    let secret =
        physical.split_once(":secret:").and_then(|(_, name)| name.rsplit_once('-')).map(|(name, _)| name);
    let is_secret = |id: &str| secret == Some(id);
    let is_it = |id: &str| id.rsplit('/').next() == Some(physical) || is_secret(id);
    let resource = stack.resources.iter().find(|(_, id)| is_it(id));
    let name = resource.map(|it| it.0.as_str()).or(given(physical));
    let is_approvers = physical.contains(&format!(":{NAME}-approver-"));
    let name = name.unwrap_or(if is_approvers { "an approver's topic" } else { physical });
    format!("{name}{part}")
}

/// Since 1970.
pub(crate) fn milliseconds(moment: SystemTime) -> i64 {
    moment.duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}
