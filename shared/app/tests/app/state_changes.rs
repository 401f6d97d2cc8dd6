//! State changes go to an event bus in `CodePipeline`'s shape.

use std::sync::Arc;

use penstock_app::port::provider::Ending;
use penstock_app::port::state_changes::StateChange;
use penstock_engine::command::RetryActions;
use penstock_engine::state::TriggerCause;
use penstock_model::artifact::Revision;
use penstock_model::id::ExecutionId;
use penstock_model::trigger::{GitEvent, Push, Reference};
use penstock_testkit::build::name;
use penstock_testkit::fake::{Conduct, FakeProvider};
use penstock_testkit::installation::Installation;
use serde_json::{Value, json};

use super::notify::{Outside, SHA, failing_once, from_github, from_github_by, notify, started_with};
use super::{attempt, started, web, web_name, with};

/// All that a bus is told of `installation`.
async fn changes(installation: &Installation) -> Vec<StateChange> {
    let outside = Arc::new(Outside::default());
    let (notify, _) = notify(installation, &outside).await;
    for record in installation.fakes.store.all_records() {
        notify.tell(&record).await.unwrap();
    }
    let changes = outside.changes.lock().unwrap();
    changes.clone()
}

/// What an execution's changes are, such as `Stage Build STARTED`.
fn said(changes: &[StateChange], of: &ExecutionId) -> Vec<String> {
    let of_it = changes.iter().filter(|change| text(change, "execution-id") == of.as_str());
    let said = of_it.map(|change| {
        let place = [text(change, "stage"), text(change, "action")].join("/");
        format!("{:?} {} {}", change.of, place.trim_end_matches('/'), text(change, "state"))
    });
    said.map(|line| line.replace("  ", " ")).collect()
}

fn text<'a>(change: &'a StateChange, key: &str) -> &'a str {
    change.detail.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The one change that says `state` of what `of` names.
fn only<'a>(changes: &'a [StateChange], of: &str, state: &str) -> &'a StateChange {
    let is_it = |change: &&StateChange| format!("{:?}", change.of) == of && text(change, "state") == state;
    let found: Vec<_> = changes.iter().filter(is_it).collect();
    let [one] = &found[..] else { panic!("{of} {state}: {found:?}") };
    one
}

/// The members by which rules and their targets tell branches and commits (`CodePipeline` user guide, "Monitoring
/// `CodePipeline` events").
#[tokio::test]
async fn a_state_change_says_which_commit_of_which_branch() {
    let installation = from_github().await;
    started_with(&installation, SHA).await;
    installation.settle().await;
    let changes = changes(&installation).await;
    let expected = json!({
        "trigger-type": "StartPipelineExecution", "trigger-detail": "alice", "provider-type": "GitHub",
        "full-repository-name": "acme/web", "branch-name": "main", "commit-id": SHA, "commit-message": "Brew",
        "author-display-name": "Ada",
    });
    assert_eq!(changes[0].detail["execution-trigger"], expected);
}

#[tokio::test]
async fn a_pushed_tag_and_a_connection_are_told() {
    let mut pipeline = web();
    let arn = "arn:aws:codeconnections:eu-west-1:111122223333:connection/1";
    let source = &mut pipeline.stages[0].actions[0];
    source.action_type_id.provider = "CodeStarSourceConnection".to_owned();
    for (key, value) in [("ConnectionArn", arn), ("FullRepositoryId", "acme/web"), ("BranchName", "main")] {
        source.configuration.insert(key.to_owned(), value.to_owned());
    }
    pipeline.triggers = serde_json::from_value(json!([{
        "providerType": "CodeStarSourceConnection",
        "gitConfiguration": {"sourceActionName": "Fetch", "push": [{"tags": {"includes": ["v*"]}}]},
    }]))
    .unwrap();
    let installation = with(Installation::default(), pipeline).await;
    let push = Push {
        repository: "acme/web".to_owned(),
        reference: Reference::Tag("v1.2".to_owned()),
        commit: SHA.to_owned(),
        message: None,
        author: None,
        changed_paths: None,
        deleted: false,
    };
    let answers = installation.deliveries.deliver(&name("d-1"), &GitEvent::Push(push).into()).await.unwrap();
    assert!(answers[0].has_started(), "{answers:?}");
    let changes = changes(&installation).await;
    let trigger = &changes[0].detail["execution-trigger"];
    assert_eq!(
        ["trigger-type", "tag-name", "connection-arn", "commit-id"].map(|key| trigger[key].as_str()),
        [Some("Webhook"), Some("v1.2"), Some(arn), Some(SHA)]
    );
    assert_eq!(trigger.get("branch-name"), None, "{trigger}");
}

#[tokio::test]
async fn a_source_that_is_pinned_to_a_tag_tells_it() {
    let mut pipeline = web();
    let source = &mut pipeline.stages[0].actions[0];
    source.action_type_id.provider = "GitHub".to_owned();
    for (key, value) in [("Owner", "acme"), ("Repo", "web"), ("Branch", "main"), ("Tag", "v1.2")] {
        source.configuration.insert(key.to_owned(), value.to_owned());
    }
    let installation = with(Installation::default(), pipeline).await;
    started(&installation).await;
    let changes = changes(&installation).await;
    let trigger = &changes[0].detail["execution-trigger"];
    assert_eq!((trigger["tag-name"].as_str(), trigger.get("branch-name")), (Some("v1.2"), None));
}

#[tokio::test]
async fn a_retry_resumes_the_stage_and_the_execution() {
    let installation = from_github_by(failing_once()).await;
    let id = started_with(&installation, SHA).await;
    installation.settle().await;
    let (build, all) = (name("Build"), RetryActions::AllActions);
    installation.control.retry(&web_name(), Some(id.clone()), &build, all).await.unwrap();
    installation.settle().await;
    let changes = changes(&installation).await;
    let said = said(&changes, &id);
    let resumed = said.iter().position(|line| line == "Execution RESUMED").expect("it is resumed");
    assert_eq!(
        said[resumed - 1..resumed + 5],
        [
            "Execution FAILED",
            "Execution RESUMED",
            "Stage Build RESUMED",
            "Action Build/Compile STARTED",
            "Action Build/Compile SUCCEEDED",
            "Stage Build SUCCEEDED",
        ]
    );
    let stage = only(&changes, "Stage", "RESUMED");
    assert_eq!(text(stage, "stage-last-retry-attempt-time"), stage.at.to_string());
    assert_eq!(only(&changes, "Execution", "RESUMED").detail["pipeline-execution-attempt"], 2);
}

#[tokio::test]
async fn a_stop_ends_the_approval_its_stage_and_the_execution() {
    let installation = with(Installation::default(), web()).await;
    let id = started(&installation).await;
    installation.control.stop(&web_name(), &id, false, "wrong branch", "alice").await.unwrap();
    installation.settle().await;
    let changes = changes(&installation).await;
    let said = said(&changes, &id);
    assert_eq!(
        said[said.len() - 5..],
        [
            "Execution STOPPING",
            "Stage Release STOPPING",
            "Action Release/Sign-off ABANDONED",
            "Stage Release STOPPED",
            "Execution STOPPED",
        ]
    );
    let asked = only(&changes, "Execution", "STOPPING");
    assert_eq!(text(asked, "stop-execution-comments"), "wrong branch");
}

#[tokio::test]
async fn an_execution_that_is_stopped_before_a_stage_tells_of_no_stage() {
    let installation = with(Installation::default(), web()).await;
    started(&installation).await;
    let behind = started(&installation).await;
    installation.control.stop(&web_name(), &behind, false, "", "alice").await.unwrap();
    installation.settle().await;
    let said = said(&changes(&installation).await, &behind);
    let end = ["Stage Build SUCCEEDED", "Execution STOPPING", "Execution STOPPED"];
    assert_eq!(said[said.len() - 3..], end, "it waited before Release");
}

#[tokio::test]
async fn work_that_is_abandoned_says_so() {
    let provider = FakeProvider::new(|work| match work.attempt.stage.as_str() {
        "Build" => Conduct::Runs,
        _ => Conduct::Succeeds,
    });
    let installation = with(Installation::new(provider), web()).await;
    let id = started(&installation).await;
    installation.control.stop(&web_name(), &id, true, "", "alice").await.unwrap();
    installation.settle().await;
    let changes = changes(&installation).await;
    let said = said(&changes, &id);
    for expected in ["Action Build/Compile ABANDONED", "Stage Build STOPPED", "Execution STOPPED"] {
        assert!(said.iter().any(|line| line == expected), "{expected}: {said:?}");
    }
}

#[tokio::test]
async fn an_execution_that_gives_way_is_superseded() {
    let installation = with(Installation::default(), web()).await;
    let mut ids = vec![];
    for _ in 0..3 {
        ids.push(started(&installation).await);
    }
    let changes = changes(&installation).await;
    let superseded = only(&changes, "Execution", "SUPERSEDED");
    assert_eq!(text(superseded, "execution-id"), ids[1].as_str());
}

/// A rule that waits for the end of each attempt waits for none in vain.
#[tokio::test]
async fn an_interrupted_attempt_is_canceled_and_the_next_one_started() {
    let provider = FakeProvider::new(|work| match (work.attempt.stage.as_str(), work.attempt.number) {
        ("Build", 1) => Conduct::Ends(Ending::Interrupted { message: "its worker died".to_owned() }),
        _ => Conduct::Succeeds,
    });
    let installation = with(Installation::new(provider), web()).await;
    let id = started(&installation).await;
    let changes = changes(&installation).await;
    let of_build: Vec<_> = changes
        .iter()
        .filter(|change| text(change, "action") == "Compile")
        .map(|change| (text(change, "state"), text(change, "action-execution-id").to_owned()))
        .collect();
    let [first, second] = [1, 2].map(|number| attempt(&id, "Build", "Compile", number).token());
    assert_eq!(
        of_build,
        [("STARTED", first.clone()), ("CANCELED", first), ("STARTED", second.clone()), ("SUCCEEDED", second)]
    );
    let result = &only(&changes, "Action", "CANCELED").detail["execution-result"];
    assert_eq!(result["error-code"], "Interrupted");
    assert!(result["external-execution-summary"].as_str().unwrap().contains("died"), "{result}");
}

/// What was stored before a trigger named its branch or tag is told without.
#[tokio::test]
async fn a_trigger_without_its_branch_is_read() {
    let stored =
        json!({"kind": "Webhook", "detail": "push to branch `main` of `acme/web`", "delivery": "d-1"});
    let trigger: TriggerCause = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(trigger.reference, None);
    assert_eq!(serde_json::to_value(&trigger).unwrap(), stored);
}

/// As executions of this release are stored.
#[tokio::test]
async fn a_trigger_with_its_tag_and_a_revision_with_its_author_are_read() {
    let stored =
        json!({"kind": "Webhook", "detail": "tag `v1.2`", "delivery": "d-1", "reference": {"tag": "v1.2"}});
    let trigger: TriggerCause = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(trigger.reference.as_deref(), Some(&Reference::Tag("v1.2".to_owned())));
    assert_eq!(serde_json::to_value(&trigger).unwrap(), stored);
    let stored = json!({"id": SHA, "summary": "Light the lamp", "author": "Octo"});
    let revision: Revision = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(revision.author.as_deref(), Some("Octo"));
    assert_eq!(serde_json::to_value(&revision).unwrap(), stored);
}
