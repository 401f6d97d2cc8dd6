//! Webhook payloads: what GitHub sends, read leniently into what a trigger needs.
//!
//! Real deliveries lack fields that the documentation shows: `head_commit` is null when a branch goes, a fork's pull
//! request may have no head repository, an organisation's ping has no repository, old payloads name an owner only by
//! `name`. So everything is optional here and what is needed is asked for by name.

use penstock_model::trigger::{GitEvent, PullRequest, PullRequestEvent, Push, Reference};
use serde::Deserialize;

/// What a delivery says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Something that can start a pipeline.
    Event(GitEvent),
    /// Nothing to do, with the reason as a sentence for people.
    Ignored(String),
}

/// A payload that is not what its event says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Not JSON.
    #[error("the payload is no JSON object: {0}")]
    NoJson(String),
    /// A field that the event needs is missing.
    #[error("the `{event}` payload has no `{field}`")]
    Missing {
        /// The event.
        event: String,
        /// The field.
        field: &'static str,
    },
}

/// Reads the payload of `event` (`X-GitHub-Event`).
///
/// # Errors
/// [`PayloadError`] if it is no JSON object or lacks what the event needs.
pub fn read(event: &str, json: &[u8]) -> Result<Payload, PayloadError> {
    let raw: Raw = serde_json::from_slice(json).map_err(|error| PayloadError::NoJson(error.to_string()))?;
    match event {
        "push" => push(&raw),
        "pull_request" => pull_request(&raw),
        "ping" => Ok(Payload::Ignored("a ping: the webhook is set up well".into())),
        "create" | "delete" => Ok(Payload::Ignored(format!(
            "`{event}` events start nothing; GitHub sends a push for the same change"
        ))),
        "release" => Ok(Payload::Ignored("`release` events start nothing; the push of its tag does".into())),
        other => Ok(Payload::Ignored(format!(
            "`{}` events start nothing; choose pushes and pull requests in the webhook's settings",
            other.escape_debug()
        ))),
    }
}

#[derive(Deserialize)]
struct Raw {
    action: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    after: Option<String>,
    deleted: Option<bool>,
    repository: Option<RawRepository>,
    head_commit: Option<RawCommit>,
    commits: Option<Vec<RawCommit>>,
    pusher: Option<RawUser>,
    sender: Option<RawUser>,
    number: Option<u64>,
    pull_request: Option<RawPullRequest>,
}

#[derive(Deserialize)]
struct RawRepository {
    full_name: Option<String>,
    name: Option<String>,
    owner: Option<RawUser>,
}

#[derive(Deserialize)]
struct RawUser {
    name: Option<String>,
    login: Option<String>,
}

#[derive(Deserialize)]
struct RawCommit {
    message: Option<String>,
    #[serde(default)]
    added: Vec<String>,
    #[serde(default)]
    removed: Vec<String>,
    #[serde(default)]
    modified: Vec<String>,
}

#[derive(Deserialize)]
struct RawPullRequest {
    title: Option<String>,
    head: Option<RawBranch>,
    base: Option<RawBranch>,
}

#[derive(Deserialize)]
struct RawBranch {
    #[serde(rename = "ref")]
    reference: Option<String>,
    sha: Option<String>,
    repo: Option<RawRepository>,
}

/// From this many commits on a push's list may be cut (GitHub documentation, "Webhook events and payloads", push), and
/// then the changed paths are not known.
const LISTED_COMMITS: usize = 20;

fn push(raw: &Raw) -> Result<Payload, PayloadError> {
    let missing = |field| PayloadError::Missing { event: "push".into(), field };
    let repository =
        raw.repository.as_ref().and_then(RawRepository::full_name).ok_or(missing("repository.full_name"))?;
    let name = raw.reference.as_deref().ok_or(missing("ref"))?;
    let Some(reference) = Reference::parse(name) else {
        return Ok(Payload::Ignored(format!("`{}` is neither a branch nor a tag", name.escape_debug())));
    };
    let commit = raw.after.clone().ok_or(missing("after"))?;
    Ok(Payload::Event(GitEvent::Push(Push {
        repository,
        reference,
        deleted: raw.deleted.unwrap_or(false) || commit.bytes().all(|byte| byte == b'0'),
        commit,
        message: raw.head_commit.as_ref().and_then(|commit| commit.message.clone()),
        author: raw
            .pusher
            .as_ref()
            .and_then(RawUser::name)
            .or_else(|| raw.sender.as_ref().and_then(RawUser::name)),
        changed_paths: changed_paths(raw.commits.as_deref()),
    })))
}

/// The paths of all commits, if the event lists all of them.
fn changed_paths(commits: Option<&[RawCommit]>) -> Option<Vec<String>> {
    let commits = commits.filter(|commits| !commits.is_empty() && commits.len() < LISTED_COMMITS)?;
    let paths =
        commits.iter().flat_map(|commit| commit.added.iter().chain(&commit.removed).chain(&commit.modified));
    let mut paths: Vec<String> = paths.cloned().collect();
    paths.sort();
    paths.dedup();
    Some(paths)
}

fn pull_request(raw: &Raw) -> Result<Payload, PayloadError> {
    let missing = |field| PayloadError::Missing { event: "pull_request".into(), field };
    let action = raw.action.as_deref().ok_or(missing("action"))?;
    let event = match action {
        "opened" | "reopened" => PullRequestEvent::Open,
        "synchronize" => PullRequestEvent::Updated,
        "closed" => PullRequestEvent::Closed,
        other => {
            return Ok(Payload::Ignored(format!(
                "a pull request that was {} starts nothing",
                other.escape_debug()
            )));
        }
    };
    let pull_request = raw.pull_request.as_ref().ok_or(missing("pull_request"))?;
    let head = pull_request.head.as_ref().ok_or(missing("pull_request.head"))?;
    let base = pull_request.base.as_ref().ok_or(missing("pull_request.base"))?;
    let repository = base.repo.as_ref().or(raw.repository.as_ref()).and_then(RawRepository::full_name);
    Ok(Payload::Event(GitEvent::PullRequest(PullRequest {
        repository: repository.ok_or(missing("repository.full_name"))?,
        number: raw.number.unwrap_or(0),
        title: pull_request.title.clone(),
        event,
        base: base.reference.clone().ok_or(missing("pull_request.base.ref"))?,
        head: head.reference.clone().ok_or(missing("pull_request.head.ref"))?,
        commit: head.sha.clone().ok_or(missing("pull_request.head.sha"))?,
        head_repository: head.repo.as_ref().and_then(RawRepository::full_name),
        author: raw.sender.as_ref().and_then(RawUser::name),
        changed_paths: None,
    })))
}

impl RawRepository {
    /// `owner/name`; old payloads have no `full_name`, and an owner with only a `name`.
    fn full_name(&self) -> Option<String> {
        let composed = || Some(format!("{}/{}", self.owner.as_ref()?.name()?, self.name.as_deref()?));
        self.full_name.clone().or_else(composed)
    }
}

impl RawUser {
    fn name(&self) -> Option<String> {
        self.login.clone().or_else(|| self.name.clone())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ZEROS: &str = "0000000000000000000000000000000000000000";

    fn event(name: &str, payload: &serde_json::Value) -> GitEvent {
        match read(name, payload.to_string().as_bytes()) {
            Ok(Payload::Event(event)) => event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_push_names_commit_author_and_paths() {
        let payload = json!({
            "ref": "refs/heads/feature/x", "after": "abc", "repository": {"full_name": "acme/web"},
            "pusher": {"name": "ada"}, "head_commit": {"message": "Say hello"},
            "commits": [{"added": ["b"], "modified": ["a"]}, {"removed": ["a"]}]
        });
        let GitEvent::Push(push) = event("push", &payload) else { panic!("a push") };
        assert_eq!(push.reference, Reference::Branch("feature/x".into()));
        assert_eq!((push.author.as_deref(), push.message.as_deref()), (Some("ada"), Some("Say hello")));
        assert_eq!(push.changed_paths, Some(vec!["a".to_owned(), "b".to_owned()]));
        assert!(!push.deleted);
    }

    #[test]
    fn a_cut_list_of_commits_tells_no_paths() {
        let commits = vec![json!({"added": ["a"]}); LISTED_COMMITS];
        let payload = json!({"ref": "refs/tags/v1", "after": "abc", "repository": {"full_name": "a/b"}, "commits": commits});
        let GitEvent::Push(push) = event("push", &payload) else { panic!("a push") };
        assert_eq!((push.reference, push.changed_paths), (Reference::Tag("v1".into()), None));
    }

    #[test]
    fn a_deletion_is_known_by_its_zeros() {
        let payload = json!({"ref": "refs/heads/x", "after": ZEROS, "head_commit": null, "commits": null,
            "repository": {"name": "b", "owner": {"name": "a"}}});
        let GitEvent::Push(push) = event("push", &payload) else { panic!("a push") };
        assert!(push.deleted);
        assert_eq!(push.repository, "a/b");
    }

    #[test]
    fn a_pull_request_of_a_fork_that_is_gone_is_read() {
        let payload = json!({"action": "synchronize", "number": 7, "pull_request": {
            "head": {"ref": "fix", "sha": "abc", "repo": null},
            "base": {"ref": "main", "sha": "def", "repo": {"full_name": "acme/web"}}}});
        let GitEvent::PullRequest(pull_request) = event("pull_request", &payload) else {
            panic!("a pull request")
        };
        assert_eq!((pull_request.event, pull_request.head_repository), (PullRequestEvent::Updated, None));
    }

    #[test]
    fn what_starts_nothing_says_why() {
        for (event, payload) in [
            ("ping", json!({"zen": "x", "organization": {"login": "acme"}})),
            ("pull_request", json!({"action": "labeled"})),
            ("create", json!({"ref": "v1", "ref_type": "tag", "master_branch": "main"})),
            ("delete", json!({"ref": "x", "ref_type": "branch"})),
            ("release", json!({"action": "published", "release": {"tag_name": "v1"}})),
            ("star", json!({})),
            ("push", json!({"ref": "refs/notes/commits", "after": "a", "repository": {"full_name": "a/b"}})),
        ] {
            let read = read(event, payload.to_string().as_bytes());
            assert!(matches!(read, Ok(Payload::Ignored(_))), "{event}: {read:?}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = read("push", b"{\"ref\": \"refs/heads/x\", \"repository\": {\"full_name\": \"a/b\"}}")
            .unwrap_err();
        assert_eq!(error.to_string(), "the `push` payload has no `after`");
        assert!(matches!(read("push", b"[]"), Err(PayloadError::NoJson(_))));
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bodies_never_panic(event in "push|pull_request|ping|x", body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = read(&event, &body);
        }
    }
}
