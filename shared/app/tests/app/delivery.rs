//! Webhooks: what starts, what does not, and duplicates.

use penstock_app::delivery::{Answer, Meaning};
use penstock_model::id::DeliveryId;
use penstock_model::trigger::{GitEvent, Push, Reference};
use penstock_testkit::build::{build, name, pipeline, source};
use penstock_testkit::installation::{COMMIT, Installation};

use super::{web, web_name, with};

fn push(commit: &str) -> GitEvent {
    GitEvent::Push(Push {
        repository: "acme/shop".to_owned(),
        reference: Reference::Branch("main".to_owned()),
        commit: commit.to_owned(),
        message: None,
        author: Some("alice".to_owned()),
        changed_paths: None,
        deleted: false,
    })
}

async fn two_pipelines() -> Installation {
    let installation = with(Installation::default(), web()).await;
    let elsewhere = source("Fetch", "src").set("Owner", "acme").set("Repo", "other").set("Branch", "main");
    let api = pipeline("api")
        .stage("Source", [elsewhere])
        .stage("Build", [build("Compile").consumes("src")])
        .build();
    installation.control.create(api, "alice").await.expect("creating");
    installation
}

#[tokio::test]
async fn one_starts_and_the_other_says_why_not() {
    let installation = two_pipelines().await;
    let delivery: DeliveryId = name("d-1");
    let answers = installation.deliveries.deliver(&delivery, &push(COMMIT)).await.expect("delivering");
    let [api, web] = &answers[..] else { panic!("two answers, not {answers:?}") };
    assert!(
        !api.has_started() && api.reason().is_some_and(|reason| reason.contains("acme/other")),
        "{api:?}"
    );
    assert!(web.has_started() && web.reason().is_none(), "{web:?}");
    let json = serde_json::to_value(web).expect("an answer");
    assert_eq!(json, serde_json::json!({"name": "web", "started": true, "executionId": web.execution()}));
    installation.settle().await;
    let view = installation.query.execution(&web_name(), None).await.expect("the execution");
    assert_eq!(view.commit.as_deref(), Some(COMMIT), "the pushed commit is pinned");
    assert!(view.trigger.starts_with("webhook: push to branch `main`"), "{}", view.trigger);
}

#[tokio::test]
async fn a_redelivery_starts_nothing_more() {
    let installation = two_pipelines().await;
    let deliver = async |id: &str, commit: &str| -> Answer {
        let answers = installation.deliveries.deliver(&name::<DeliveryId>(id), &push(commit)).await;
        answers.expect("delivering").remove(1)
    };
    let first = deliver("d-1", COMMIT).await;
    installation.settle().await;
    let again = deliver("d-1", COMMIT).await;
    let id = first.execution().cloned().expect("the execution");
    assert_eq!(first.meaning, Meaning::Started(id.clone()));
    assert_eq!(again.meaning, Meaning::StartedBefore(id.clone()));
    let json = serde_json::to_value(&again).expect("an answer");
    let reason = "this delivery has started it before";
    assert_eq!(
        json,
        serde_json::json!({"name": "web", "started": false, "executionId": id, "reason": reason})
    );
    let other = deliver("d-2", COMMIT).await;
    assert!(other.has_started(), "another delivery of the same commit is another push");
    let foreign = deliver("d-3", "0123456789").await;
    assert!(
        !foreign.has_started() && foreign.reason().is_some_and(|reason| reason.contains("does not contain"))
    );
}
