//! Reconciliation: pushes whose webhook was lost, and only those.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::branches::{BranchError, Branches, Comparison, Head, Relation};
use penstock_app::port::queue::Message;
use penstock_app::port::redeliveries::{Attempted, Pushed, Redeliveries};
use penstock_app::port::store::Store;
use penstock_app::reconcile::{Reconciliation, Share};
use penstock_model::id::DeliveryId;
use penstock_model::pipeline::Pipeline;
use penstock_model::trigger::{GitEvent, Push, Reference};
use penstock_testkit::build::{build, name, pipeline, source};
use penstock_testkit::installation::Installation;

use super::{web_name, with};

/// Before and after the clock of the fakes, 2023-11-14T22:13:20Z.
const EARLIER: &str = "2023-11-14T22:00:00Z";
const LATER: &str = "2023-11-14T22:30:00Z";

const ALL: Share = Share { part: 0, parts: 1, turn: 0 };

/// A code host whose branches hold commits by number: a later one has a larger number.
#[derive(Default)]
struct Host {
    heads: Mutex<BTreeMap<String, (String, &'static str)>>,
    paths: Mutex<Option<Vec<String>>>,
    asked: Mutex<Vec<String>>,
    refusing: Mutex<Option<BranchError>>,
}

impl Host {
    fn refuse(&self, error: BranchError) {
        *self.refusing.lock().unwrap() = Some(error);
    }

    fn push(&self, branch: &str, commit: &str, at: &'static str) {
        self.heads.lock().unwrap().insert(format!("acme/web {branch}"), (commit.to_owned(), at));
    }
}

#[async_trait]
impl Branches for Host {
    async fn head(&self, repository: &str, branch: &str) -> Result<Head, BranchError> {
        let place = format!("{repository} {branch}");
        self.asked.lock().unwrap().push(place.clone());
        self.refusing.lock().unwrap().clone().map_or(Ok(()), Err)?;
        let head = self.heads.lock().unwrap().get(&place).cloned();
        let (commit, at) = head.ok_or_else(|| BranchError::Absent(format!("no {place}")))?;
        Ok(Head { commit, committed_at: Some(at.to_owned()) })
    }

    async fn compare(&self, _: &str, base: &str, head: &str) -> Result<Comparison, BranchError> {
        let relation = match base.len().cmp(&head.len()).then(base.cmp(head)) {
            _ if head.starts_with('x') => Relation::Apart,
            std::cmp::Ordering::Less => Relation::After,
            std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => Relation::NotAfter,
        };
        Ok(Comparison { relation, changed_paths: self.paths.lock().unwrap().clone() })
    }
}

fn web(branch: &str) -> Pipeline {
    let fetch = source("Fetch", "src").set("Owner", "acme").set("Repo", "web").set("Branch", branch);
    pipeline("web").stage("Source", [fetch]).stage("Build", [build("Compile").consumes("src")]).build()
}

fn push_to(branch: &str, commit: &str) -> GitEvent {
    GitEvent::Push(Push {
        repository: "acme/web".to_owned(),
        reference: Reference::Branch(branch.to_owned()),
        commit: commit.to_owned(),
        message: None,
        author: None,
        changed_paths: None,
        deleted: false,
    })
}

/// A webhook of which deliveries failed: the event of each, by its number, and what it pushed where.
#[derive(Default)]
struct Failed {
    deliveries: BTreeMap<u64, (&'static str, &'static str, &'static str)>,
    refused: Option<u64>,
    looked_at: Mutex<Vec<String>>,
    again: Mutex<Vec<u64>>,
}

impl Failed {
    fn with<const N: usize>(deliveries: [(&'static str, &'static str, &'static str); N]) -> Arc<Self> {
        Arc::new(Self { deliveries: (2..).zip(deliveries).collect(), ..Self::default() })
    }

    fn looked_at(&self) -> Vec<String> {
        self.looked_at.lock().unwrap().drain(..).collect()
    }
}

#[async_trait]
impl Redeliveries for Failed {
    async fn latest(&self, repository: &str) -> Result<Vec<Attempted>, PortError> {
        self.looked_at.lock().unwrap().push(repository.to_owned());
        let attempted = |id, event: &str, succeeded| Attempted {
            webhook: 1,
            id,
            delivery: format!("d-{id}"),
            event: event.to_owned(),
            succeeded,
        };
        let failed = self.deliveries.iter().rev().map(|(id, (event, _, _))| attempted(*id, event, false));
        Ok(failed.chain([attempted(1, "push", true)]).collect())
    }

    async fn pushed(&self, _: &str, attempted: &Attempted) -> Result<Option<Pushed>, PortError> {
        let (event, reference, commit) = self.deliveries[&attempted.id];
        assert_eq!(event, "push", "others are not looked at");
        Ok(Some(Pushed { reference: reference.to_owned(), commit: commit.to_owned() }))
    }

    async fn again(&self, _: &str, attempted: &Attempted) -> Result<(), PortError> {
        if self.refused == Some(attempted.id) {
            return Err(PortError::permanent("it is too old"));
        }
        self.again.lock().unwrap().push(attempted.id);
        Ok(())
    }
}

/// One whose host never answers.
#[derive(Default)]
struct Silent {
    asked: tokio::sync::Notify,
}

#[async_trait]
impl Redeliveries for Silent {
    async fn latest(&self, _: &str) -> Result<Vec<Attempted>, PortError> {
        self.asked.notify_one();
        std::future::pending().await
    }

    async fn pushed(&self, _: &str, _: &Attempted) -> Result<Option<Pushed>, PortError> {
        panic!("nothing was told")
    }

    async fn again(&self, _: &str, _: &Attempted) -> Result<(), PortError> {
        panic!("nothing was told")
    }
}

fn triggered_by(mut definition: Pipeline, push: &serde_json::Value) -> Pipeline {
    let trigger = serde_json::json!({
        "providerType": "CodeStarSourceConnection",
        "gitConfiguration": {"sourceActionName": "Fetch", "push": [push]},
    });
    definition.triggers = vec![serde_json::from_value(trigger).unwrap()];
    definition
}

/// Of a tag only the webhook tells.
#[tokio::test]
async fn a_failed_delivery_is_made_again_also_where_no_branch_is_followed() {
    let tags = serde_json::json!({"tags": {"includes": ["v*"]}});
    let world = World::new(triggered_by(web("main"), &tags)).await;
    let failed = Failed::with([("create", "", ""), ("push", "refs/tags/v1", "1")]);
    let reconciliation = world.reconciliation.redelivering(failed.clone());
    let found = reconciliation.run(ALL).await.unwrap();
    assert_eq!(found.redelivered, [("acme/web".to_owned(), 2)]);
    assert_eq!(*failed.again.lock().unwrap(), [2, 3]);
}

#[tokio::test]
async fn a_delivery_that_is_refused_keeps_no_other() {
    let tags = serde_json::json!({"tags": {"includes": ["v*"]}});
    let world = World::new(triggered_by(web("main"), &tags)).await;
    let deliveries = [("create", "", ""), ("push", "refs/tags/v1", "1"), ("create", "", "")];
    let failed =
        Failed { deliveries: (2..).zip(deliveries).collect(), refused: Some(3), ..Failed::default() };
    let failed = Arc::new(failed);
    let found = world.reconciliation.redelivering(failed.clone()).run(ALL).await.unwrap();
    assert_eq!(*failed.again.lock().unwrap(), [2, 4]);
    assert_eq!(found.redelivered, [("acme/web".to_owned(), 2)]);
    assert_eq!(found.unredelivered, [("acme/web".to_owned(), PortError::permanent("it is too old"))]);
}

#[tokio::test]
async fn a_branch_that_may_not_be_read_is_none_that_is_gone() {
    let branches = serde_json::json!({"branches": {"includes": ["release/*"]}});
    let refusal = PortError::permanent("the token may not do this (403)");
    let world = World::new(triggered_by(web("main"), &branches)).await;
    world.host.refuse(refusal.clone().into());
    let failed = Failed::with([("push", "refs/heads/release/1", "1"), ("create", "", "")]);
    let found = world.reconciliation.redelivering(failed.clone()).run(ALL).await.unwrap();
    assert_eq!(found.unredelivered, [("acme/web".to_owned(), refusal)]);
    assert_eq!(*failed.again.lock().unwrap(), [3], "of the branch nobody knows whether it is still there");
}

#[tokio::test]
async fn branches_are_compared_before_deliveries_are_asked_for() {
    let World { installation, host, reconciliation } = World::new(web("main")).await;
    host.push("main", "1", LATER);
    let silent = Arc::new(Silent::default());
    let reconciliation = reconciliation.redelivering(silent.clone());
    tokio::select! {
        _ = reconciliation.run(ALL) => panic!("the host does not answer"),
        () = silent.asked.notified() => {}
    }
    assert!(installation.fakes.queue.take().is_some(), "the lost push was found");
}

#[tokio::test]
async fn a_repository_has_its_turn_in_one_part_and_none_is_always_last() {
    let world = World::new(web("main")).await;
    for other in ["api", "docs"] {
        let mut definition = web("main");
        definition.name = name(other);
        definition.stages[0].actions[0].configuration.insert("Repo".to_owned(), other.to_owned());
        world.installation.control.create(definition, "alice").await.unwrap();
    }
    let failed = Failed::with([]);
    let reconciliation = world.reconciliation.redelivering(failed.clone());
    for part in 0..12 {
        reconciliation.run(Share { part, parts: 12, turn: 0 }).await.unwrap();
    }
    let mut once = failed.looked_at();
    once.sort();
    assert_eq!(once, ["acme/api", "acme/docs", "acme/web"]);
    for (turn, first) in [(0, "acme/api"), (1, "acme/docs"), (2, "acme/web"), (3, "acme/api")] {
        reconciliation.run(Share { part: 0, parts: 1, turn }).await.unwrap();
        let looked_at = failed.looked_at();
        assert_eq!((looked_at.len(), looked_at[0].as_str()), (3, first));
    }
}

/// Without a token GitHub answers 60 times an hour.
#[tokio::test]
async fn who_has_asked_as_often_as_anybody_may_asks_no_more_and_nothing_failed() {
    let world = World::new(web("main")).await;
    let mut other = web("develop");
    other.name = name("other");
    world.installation.control.create(other, "alice").await.unwrap();
    world.host.refuse(BranchError::UsedUp("the rate limit is used up".to_owned()));
    let found = world.reconciliation.run(ALL).await.unwrap();
    assert!(found.failed.is_empty(), "{:?}", found.failed);
    assert_eq!((found.left.len(), world.host.asked.lock().unwrap().len()), (2, 1));
}

/// A branch that only a trigger's pattern names is compared with nothing.
#[tokio::test]
async fn a_failed_push_to_a_branch_that_no_source_follows_is_delivered_again() {
    let branches = serde_json::json!({"branches": {"includes": ["main", "release/*", "gone/*"]}});
    let world = World::new(triggered_by(web("main"), &branches)).await;
    for (branch, commit) in [("main", "1"), ("release/1", "3"), ("other", "5")] {
        world.host.push(branch, commit, EARLIER);
    }
    let failed = Failed::with([
        ("push", "refs/heads/main", "1"),
        ("push", "refs/heads/release/1", "2"),
        ("push", "refs/heads/release/1", "3"),
        ("push", "refs/heads/gone/4", "4"),
        ("push", "refs/heads/other", "5"),
    ]);
    let reconciliation = world.reconciliation.redelivering(failed.clone());
    let found = reconciliation.run(ALL).await.unwrap();
    assert!(found.unredelivered.is_empty(), "{:?}", found.unredelivered);
    assert_eq!(
        *failed.again.lock().unwrap(),
        [4],
        "what heads tell of, is behind, gone or starts nothing, is not"
    );
}

#[tokio::test]
async fn a_branch_that_one_pipeline_follows_and_anothers_trigger_names_is_delivered_again() {
    let world = World::new(web("main")).await;
    let everything = serde_json::json!({"branches": {"includes": ["**"]}});
    let mut other = triggered_by(web("develop"), &everything);
    other.name = name("other");
    world.installation.control.create(other, "alice").await.unwrap();
    for branch in ["main", "develop"] {
        world.host.push(branch, "1", EARLIER);
    }
    let failed = Failed::with([("push", "refs/heads/main", "1"), ("push", "refs/heads/develop", "1")]);
    world.reconciliation.redelivering(failed.clone()).run(ALL).await.unwrap();
    assert_eq!(*failed.again.lock().unwrap(), [2]);
}

struct World {
    installation: Installation,
    host: Arc<Host>,
    reconciliation: Reconciliation,
}

impl World {
    async fn new(definition: Pipeline) -> Self {
        let installation = with(Installation::default(), definition).await;
        let (host, fakes) = (Arc::new(Host::default()), &installation.fakes);
        let reconciliation = Reconciliation::new(fakes.store.clone(), host.clone(), fakes.queue.clone());
        Self { installation, host, reconciliation }
    }

    /// Whether a webhook started the pipeline.
    async fn webhook(&self, delivery: &str, commit: &str) -> bool {
        let delivery: DeliveryId = name(delivery);
        let event = push_to("main", commit);
        let answers = self.installation.deliveries.deliver(&delivery, &event.into()).await.unwrap();
        self.installation.settle().await;
        answers[0].has_started()
    }

    /// The commits that reconciliation finds, once it is carried out.
    async fn reconcile(&self) -> Vec<String> {
        let found = self.reconciliation.run(ALL).await.unwrap();
        assert!(found.failed.is_empty(), "{:?}", found.failed);
        self.installation.settle().await;
        found.started.into_iter().map(|(_, commit)| commit).collect()
    }

    /// The commits of all executions, oldest first.
    async fn carried(&self) -> Vec<String> {
        let mut executions =
            self.installation.fakes.store.executions(&web_name(), None, usize::MAX).await.unwrap();
        executions.reverse();
        executions.iter().map(|it| it.revisions.values().next().unwrap().id.clone()).collect()
    }
}

#[tokio::test]
async fn a_lost_push_is_found_once() {
    let world = World::new(web("main")).await;
    assert!(world.webhook("d-1", "1").await);
    world.host.push("main", "1", EARLIER);
    assert!(world.reconcile().await.is_empty(), "the webhook came");
    world.host.push("main", "2", EARLIER);
    assert_eq!(world.reconcile().await, ["2"]);
    assert!(world.reconcile().await.is_empty());
    assert_eq!(world.carried().await, ["1", "2"]);
    let view = world.installation.query.execution(&web_name(), None).await.unwrap();
    assert_eq!(view.trigger, "reconciliation: push to branch `main` of `acme/web`, found without a webhook");
    assert!(!world.webhook("d-2", "2").await, "its webhook comes late");
    assert!(world.webhook("d-3", "3").await);
    assert!(world.webhook("d-4", "2").await, "it was pushed once more");
    assert_eq!(world.carried().await, ["1", "2", "3", "2"]);
}

#[tokio::test]
async fn a_pipeline_is_compared_in_one_part_of_the_hour() {
    let world = World::new(web("main")).await;
    world.host.push("main", "1", LATER);
    let mut asked = 0;
    for part in 0..12 {
        world.reconciliation.run(Share { part, parts: 12, turn: 7 }).await.unwrap();
        asked += world.host.asked.lock().unwrap().drain(..).count();
    }
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn whichever_of_both_comes_second_starts_nothing() {
    let world = World::new(web("main")).await;
    world.webhook("d-1", "1").await;
    world.host.push("main", "2", EARLIER);
    // The webhook is carried out between the comparison and the start.
    assert_eq!(world.reconciliation.run(ALL).await.unwrap().started.len(), 1);
    let polled = world.installation.fakes.queue.take().unwrap();
    assert!(matches!(polled, Message::Command { .. }));
    assert!(world.webhook("d-2", "2").await);
    world.installation.fakes.queue.put(polled.clone());
    world.installation.settle().await;
    assert_eq!(world.carried().await, ["1", "2"]);
}

#[tokio::test]
async fn what_is_older_or_of_before_the_pipeline_starts_nothing() {
    let world = World::new(web("main")).await;
    world.host.push("main", "5", EARLIER);
    assert!(world.reconcile().await.is_empty(), "the pipeline is younger");
    world.host.push("main", "6", LATER);
    assert_eq!(world.reconcile().await, ["6"], "its first push");
    world.host.push("main", "4", LATER);
    assert!(world.reconcile().await.is_empty(), "the branch was set back");
    world.host.push("main", "x", LATER);
    assert_eq!(world.reconcile().await, ["x"], "the branch was written anew");
    world.installation.control.update(web("next"), "alice").await.unwrap();
    world.host.push("next", "7", EARLIER);
    assert!(world.reconcile().await.is_empty(), "to follow another branch starts nothing");
    world.host.push("next", "8", LATER);
    assert_eq!(world.reconcile().await, ["8"]);
}

#[tokio::test]
async fn only_followed_branches_are_asked_for_and_one_failure_holds_up_no_other() {
    let mut silent = web("main");
    silent.name = name("silent");
    silent.stages[0].actions[0].configuration.insert("DetectChanges".to_owned(), "false".to_owned());
    let world = World::new(silent).await;
    let mut gone = web("gone");
    gone.name = name("gone");
    let plain = pipeline("plain")
        .stage("Source", [source("Fetch", "src")])
        .stage("Build", [build("Compile").consumes("src")])
        .build();
    for definition in [gone, plain, web("main")] {
        world.installation.control.create(definition, "alice").await.unwrap();
    }
    world.host.push("main", "1", LATER);
    let found = world.reconciliation.run(ALL).await.unwrap();
    assert_eq!(found.started, [(web_name(), "1".to_owned())]);
    assert_eq!(found.left, [(name("gone"), "no acme/web gone".to_owned())]);
    assert!(found.failed.is_empty(), "no failure: {:?}", found.failed);
    assert_eq!(*world.host.asked.lock().unwrap(), ["acme/web gone", "acme/web main"]);
}

#[tokio::test]
async fn filters_on_paths_hold_over_all_that_was_missed() {
    let sources =
        serde_json::json!({"branches": {"includes": ["main"]}, "filePaths": {"includes": ["src/**"]}});
    let world = World::new(triggered_by(web("main"), &sources)).await;
    world.webhook("d-1", "1").await;
    world.host.push("main", "2", LATER);
    *world.host.paths.lock().unwrap() = Some(vec!["README.md".to_owned()]);
    assert!(world.reconcile().await.is_empty(), "its webhook started nothing either");
    world.host.push("main", "3", LATER);
    *world.host.paths.lock().unwrap() = Some(vec!["README.md".to_owned(), "src/main.rs".to_owned()]);
    assert_eq!(world.reconcile().await, ["3"]);
}
