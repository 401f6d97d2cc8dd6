//! Webhooks: what starts, what does not, and duplicates.

use std::sync::Arc;

use async_trait::async_trait;
use penstock_app::delivery::{Answer, Meaning};
use penstock_app::port::PortError;
use penstock_app::port::queue::{Message, Queue};
use penstock_model::id::DeliveryId;
use penstock_model::pipeline::Category;
use penstock_model::trigger::{GitEvent, ObjectCreated, Push, Reference, SourceEvent};
use penstock_testkit::build::{build, name, pipeline, source};
use penstock_testkit::fake::MemoryQueue;
use penstock_testkit::fault::{Fault, Faults, Faulty};
use penstock_testkit::installation::{COMMIT, Installation};

use super::{web, web_name, with};

fn push(commit: &str) -> SourceEvent {
    GitEvent::Push(pushed(commit)).into()
}

fn pushed(commit: &str) -> Push {
    Push {
        repository: "acme/shop".to_owned(),
        reference: Reference::Branch("main".to_owned()),
        commit: commit.to_owned(),
        message: None,
        author: Some("alice".to_owned()),
        changed_paths: None,
        deleted: false,
    }
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

fn object(version: &str) -> ObjectCreated {
    ObjectCreated {
        bucket: "acme-uploads".to_owned(),
        key: "web.zip".to_owned(),
        version: Some(version.to_owned()),
        sequencer: None,
    }
}

/// One that follows the object, one that says that it does not want to be started, and one of a repository.
async fn followers_of_an_object() -> Installation {
    let installation = with(Installation::default(), web()).await;
    for (name, polls) in [("uploaded", "true"), ("by-hand", "false")] {
        let bucket = penstock_testkit::build::action("Fetch", Category::Source, "S3")
            .produces("src")
            .set("S3Bucket", "acme-uploads")
            .set("S3ObjectKey", "web.zip")
            .set("PollForSourceChanges", polls);
        let pipeline = pipeline(name)
            .stage("Source", [bucket])
            .stage("Build", [build("Compile").consumes("src")])
            .build();
        installation.control.create(pipeline, "alice").await.expect("creating");
    }
    installation
}

#[tokio::test]
async fn an_upload_starts_once_and_fetches_what_is_newest() {
    let installation = followers_of_an_object().await;
    let deliver = async |object: ObjectCreated| -> Vec<Answer> {
        let delivery = object.delivery().expect("a delivery");
        let event = SourceEvent::ObjectCreated(object);
        let answers = installation.deliveries.deliver(&delivery, &event).await.expect("delivering");
        installation.settle().await;
        answers
    };
    let first = deliver(object("v1")).await;
    let [by_hand, uploaded, web] = &first[..] else { panic!("three answers, not {first:?}") };
    assert!(by_hand.reason().is_some_and(|reason| reason.contains("PollForSourceChanges")), "{by_hand:?}");
    assert!(web.reason().is_some_and(|reason| reason.contains("no source action")), "{web:?}");
    let id = uploaded.execution().cloned().expect("an execution");
    assert_eq!(uploaded.meaning, Meaning::Started(id.clone()));
    let again = deliver(ObjectCreated { sequencer: Some("1".to_owned()), ..object("v1") }).await;
    assert_eq!(again[1].meaning, Meaning::StartedBefore(id.clone()), "the same version, told again");
    assert!(deliver(object("v2")).await[1].has_started());

    let executions = installation.query.executions(&name("uploaded"), None, 10).await.expect("executions");
    assert_eq!(executions.len(), 2);
    let execution = executions.iter().find(|it| it.id == id).expect("the execution");
    assert_eq!(execution.overrides, [], "no version is pinned");
    assert_eq!(execution.trigger.kind.as_str(), "CloudWatchEvent");
    assert_eq!(execution.trigger.delivery, object("v1").delivery());
    let view = installation.query.execution(&name("uploaded"), Some(&id)).await.expect("the execution");
    assert_eq!(view.trigger, "event: upload of `web.zip` in the bucket `acme-uploads`, version `v1`");
}

/// What was pushed while the item of one pipeline could not be read reaches it afterwards, and the other at once.
#[tokio::test]
async fn a_pipeline_that_cannot_be_read_holds_up_no_other_and_loses_no_push() {
    let installation = two_pipelines().await;
    let (store, queue) = (&installation.fakes.store, &installation.fakes.queue);
    let deliveries = installation.deliveries_handing_over();
    let other = name("api");
    let elsewhere = GitEvent::Push(Push { repository: "acme/other".to_owned(), ..pushed(COMMIT) }).into();
    store.set_newer(&other, true);
    let answers = deliveries.deliver(&name("d-1"), &push(COMMIT)).await.expect("delivering");
    assert!(answers.iter().any(|it| it.name == web_name() && it.has_started()), "{answers:?}");
    messages(queue);
    let answers = deliveries.deliver(&name("d-2"), &elsewhere).await.expect("delivering");
    let api = answers.iter().find(|it| it.name == other).expect("an answer");
    assert!(api.reason().is_some_and(|reason| reason.contains("newer release")), "{api:?}");
    let mut waiting = messages(queue);
    waiting.retain(|message| matches!(message, Message::Delivery { .. }));
    let [Message::Delivery { delivery, event, pipeline: Some(pipeline) }] = &waiting[..] else {
        panic!("a message of its own, not {waiting:?}")
    };
    assert_eq!(*pipeline, other);
    assert!(deliveries.deliver_to(pipeline, delivery, event).await.is_err_and(|error| error.is_retryable()));
    store.set_newer(&other, false);
    let answer =
        deliveries.deliver_to(pipeline, delivery, event).await.expect("delivering").expect("an answer");
    assert!(answer.has_started(), "{answer:?}");
}

/// A failure that passes keeps all of a delivery waiting: no later push overtakes it.
#[tokio::test]
async fn a_failure_that_passes_keeps_pushes_in_order() {
    let installation = two_pipelines().await;
    // The pipelines are listed, then the definition of `api` is read, then that of `web`.
    let faulty = Faulty::new(installation.fakes.store.clone(), &Faults::one(2, Fault::Before));
    let deliveries = installation.deliveries_out_of(faulty);
    let failed = deliveries.deliver(&name("d-1"), &push(COMMIT)).await.expect_err("it passes");
    assert!(failed.is_retryable(), "{failed}");
    assert!(messages(&installation.fakes.queue).is_empty(), "nothing goes behind what is sent later");
    for delivery in ["d-1", "d-2"] {
        let answers = deliveries.deliver(&name(delivery), &push(COMMIT)).await.expect("delivering");
        assert!(answers.iter().any(|it| it.name == web_name() && it.has_started()), "{answers:?}");
    }
}

/// Nobody else has it then, although the other pipeline has been reached.
#[tokio::test]
async fn a_delivery_that_could_not_be_handed_over_is_not_done_with() {
    let installation = two_pipelines().await;
    installation.fakes.store.set_newer(&name("api"), true);
    let deliveries = installation.deliveries_handing_over().handing_over(Arc::new(Refusing));
    let failed = deliveries.deliver(&name("d-1"), &push(COMMIT)).await.expect_err("it is kept");
    assert!(failed.to_string().contains("AccessDenied"), "{failed}");
}

/// A queue into which nobody may send.
struct Refusing;

#[async_trait]
impl Queue for Refusing {
    async fn send(&self, _messages: Vec<Message>) -> Result<(), PortError> {
        Err(PortError::permanent("send a message: AccessDenied"))
    }
}

/// After a try that was broken off, each pipeline gets a message of its own: what breaks it off again is its alone.
#[tokio::test]
async fn what_was_broken_off_is_delivered_to_each_apart() {
    let installation = two_pipelines().await;
    let deliveries = installation.deliveries_handing_over();
    deliveries.deliver_apart(&name("d-1"), &push(COMMIT)).await.expect("sending");
    let names: Vec<_> = messages(&installation.fakes.queue)
        .into_iter()
        .filter_map(|message| match message {
            Message::Delivery { pipeline, .. } => pipeline,
            Message::Command { .. } | Message::Debt { .. } => None,
        })
        .collect();
    assert_eq!(names, [name("api"), name("web")]);
}

fn messages(queue: &MemoryQueue) -> Vec<Message> {
    let mut taken = vec![];
    while let Some(message) = queue.take() {
        taken.push(message);
    }
    taken
}
