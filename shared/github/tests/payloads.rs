//! Deliveries in the shape that GitHub sends them (GitHub documentation, "Webhook events and payloads"), one or more an event
//! type, with what real ones have and the documentation's examples have not: what is understood of each.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use penstock_app::delivery::{Received, Webhook};
use penstock_github::webhook::GitHubWebhook;
use penstock_model::trigger::{GitEvent, PullRequest, PullRequestEvent, Push, Reference};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

const COMMIT: &str = "7f3c0b6a5d2e48f19c0d7b6e5a4f3d2c1b0a9e8f";
const NOTHING: &str = "0000000000000000000000000000000000000000";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/payloads")
}

/// What is understood of the payload `name`, whose event it begins with: the same as JSON and as a form.
fn received(name: &str) -> Received {
    let event = ["pull_request", "push", "create", "delete", "release", "ping"];
    let event = event.into_iter().find(|event| name.starts_with(event)).unwrap();
    let body = std::fs::read(folder().join(format!("{name}.json"))).unwrap();
    let webhook = GitHubWebhook::default();
    let json =
        webhook.read(event, "application/json", &body).unwrap_or_else(|error| panic!("{name}: {error}"));
    let form = format!("payload={}", percent_encode(&body, NON_ALPHANUMERIC));
    let form = webhook.read(event, "application/x-www-form-urlencoded", form.as_bytes()).unwrap();
    assert_eq!(json, form, "{name}");
    json
}

fn pushed(reference: Reference, commit: &str, changed_paths: Option<&[&str]>) -> Push {
    Push {
        repository: "acme/web".to_owned(),
        reference,
        commit: commit.to_owned(),
        message: (commit != NOTHING).then(|| "Close the sluice\n\nIt leaked.".to_owned()),
        author: Some("ada".to_owned()),
        changed_paths: changed_paths.map(|paths| paths.iter().map(|path| (*path).to_owned()).collect()),
        deleted: commit == NOTHING,
    }
}

#[test]
fn pushes_say_what_moved_where() {
    let branch = |name: &str| Reference::Branch(name.to_owned());
    let of_one = ["docs/gate.md", "old.txt", "src/gate.rs"];
    for (name, expected) in [
        ("push", pushed(branch("main"), COMMIT, Some(&of_one))),
        ("push_new_branch", pushed(branch("feature/gates"), COMMIT, None)),
        ("push_tag", pushed(Reference::Tag("v1.2.0".to_owned()), COMMIT, None)),
        ("push_deleted", pushed(branch("feature/gates"), NOTHING, None)),
        ("push_without_full_name", pushed(branch("main"), COMMIT, Some(&of_one))),
    ] {
        // The names of who pushed stand in two places; a login is preferred.
        assert_eq!(received(name), Received::Event(GitEvent::Push(expected)), "{name}");
    }
}

#[test]
fn pull_requests_say_whose_branch_goes_where() {
    let request = |event, head: &str, head_repository: Option<&str>| PullRequest {
        repository: "acme/web".to_owned(),
        number: 42,
        title: Some("Gates that close".to_owned()),
        event,
        base: "main".to_owned(),
        head: head.to_owned(),
        commit: COMMIT.to_owned(),
        head_repository: head_repository.map(str::to_owned),
        author: Some("ada".to_owned()),
        changed_paths: None,
    };
    for (name, expected) in [
        ("pull_request_opened", request(PullRequestEvent::Open, "gates", Some("acme/web"))),
        ("pull_request_of_a_fork", request(PullRequestEvent::Updated, "patch-1", Some("grace/web"))),
        ("pull_request_of_a_fork_that_is_gone", request(PullRequestEvent::Closed, "patch-1", None)),
    ] {
        assert_eq!(received(name), Received::Event(GitEvent::PullRequest(expected)), "{name}");
    }
}

#[test]
fn the_others_start_nothing_and_say_why() {
    for (name, expected) in [
        ("pull_request_labeled", "was labeled"),
        ("create_branch", "GitHub sends a push for the same change"),
        ("create_tag", "GitHub sends a push for the same change"),
        ("delete_branch", "GitHub sends a push for the same change"),
        ("release_published", "the push of its tag does"),
        ("ping", "set up well"),
        ("ping_of_an_organization", "set up well"),
    ] {
        let Received::Ignored(reason) = received(name) else { panic!("{name} starts something") };
        assert!(reason.contains(expected), "{name}: {reason}");
    }
}

#[test]
fn no_payload_lies_there_unread() {
    let source = include_str!("payloads.rs");
    let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let unread: BTreeSet<String> = files
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| !source.contains(&format!("(\"{name}\"")))
        .collect();
    assert!(unread.is_empty(), "{unread:?}");
}
