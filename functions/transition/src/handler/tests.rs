//! Messages that fail, and what becomes of those behind them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use penstock_app::engine::command::Command;
use penstock_app::sweep::wake_up;
use penstock_model::id::PipelineName;
use penstock_model::trigger::{GitEvent, Push, Reference};
use penstock_testkit::build::{build, name, pipeline, source};
use penstock_testkit::fake::{FakeProvider, ManualClock};
use penstock_testkit::installation::{COMMIT, Installation};
use serde_json::json;

use super::*;

/// What messages say, what was noted of them, and what went among the dead letters.
#[derive(Default)]
struct Outside {
    tries: Mutex<BTreeMap<String, (u32, bool)>>,
    dead: Mutex<Vec<String>>,
}

#[async_trait]
impl Mailbox for Outside {
    async fn receive(&self, body: &str) -> Result<Message, PortError> {
        serde_json::from_str(body).map_err(|error| PortError::permanent(error.to_string()))
    }
}

#[async_trait]
impl Tries for Outside {
    async fn begin(&self, message: &str) -> Result<u32, PortError> {
        let mut tries = self.tries.lock().expect("tries");
        let (broken_off, under_way) = tries.entry(message.to_owned()).or_default();
        *broken_off += u32::from(*under_way);
        *under_way = true;
        Ok(*broken_off)
    }

    async fn end(&self, message: &str, _broken_off: u32) -> Result<(), PortError> {
        self.tries.lock().expect("tries").entry(message.to_owned()).or_default().1 = false;
        Ok(())
    }
}

struct Dead(Arc<Outside>);

#[async_trait]
impl Letters for Dead {
    async fn put(&self, message: &Arrival<'_>) -> Result<(), PortError> {
        self.0.dead.lock().expect("dead letters").push(message.id.to_owned());
        Ok(())
    }
}

/// Commands that fail so.
struct Failing(PortError);

#[async_trait]
impl Commands for Failing {
    async fn carry_out(&self, _command: Command) -> Result<penstock_app::port::commands::Reply, AppError> {
        Err(self.0.clone().into())
    }

    async fn define(
        &self,
        _: penstock_model::pipeline::Pipeline,
        _: penstock_app::engine::command::DefineMode,
        _: penstock_model::id::CommandId,
    ) -> Result<penstock_model::id::DefinitionVersion, AppError> {
        Err(self.0.clone().into())
    }
}

struct Bench {
    installation: Installation,
    outside: Arc<Outside>,
    clock: Arc<ManualClock>,
    handler: Handler,
}

async fn bench(failing: Option<PortError>) -> Bench {
    let installation = Installation::new(FakeProvider::default());
    let web =
        pipeline("web").stage("Source", [source("Fetch", "src").set("Owner", "acme").set("Repo", "web")]);
    let web = web.stage("Build", [build("Compile").consumes("src")]).build();
    installation.control.create(web, "alice").await.expect("a pipeline");
    let (outside, clock) = (Arc::new(Outside::default()), installation.fakes.clock.clone());
    let commands: Arc<dyn Commands> = match failing {
        Some(error) => Arc::new(Failing(error)),
        None => installation.transition.clone(),
    };
    let handler = Handler {
        commands,
        deliveries: installation.deliveries_handing_over(),
        store: installation.fakes.store.clone(),
        mailbox: outside.clone(),
        dead_letters: Box::new(Dead(outside.clone())),
        tries: outside.clone(),
        gave_way: GaveWay::default(),
        clock: clock.clone(),
    };
    Bench { installation, outside, clock, handler }
}

fn web() -> PipelineName {
    name("web")
}

fn message(id: &str, receives: u32, sent_at: Timestamp, message: &Message) -> SqsMessage {
    serde_json::from_value(json!({
        "messageId": id, "receiptHandle": "1", "body": serde_json::to_string(message).expect("a body"),
        "messageAttributes": {},
        "attributes": {
            "ApproximateReceiveCount": receives.to_string(), "SentTimestamp": sent_at.0.to_string(),
            "MessageGroupId": "web",
        },
    }))
    .expect("a message")
}

fn delivery() -> Message {
    let push = Push {
        repository: "acme/web".to_owned(),
        reference: Reference::Branch("main".to_owned()),
        commit: COMMIT.to_owned(),
        message: None,
        author: None,
        changed_paths: None,
        deleted: false,
    };
    Message::Delivery { delivery: name("d-1"), event: Box::new(GitEvent::Push(push)), pipeline: None }
}

fn stop() -> Message {
    let request = Request::Delete;
    Message::Command { command: Command { id: name("delete-1"), pipeline: web(), request } }
}

/// What takes all of the function's time or memory has nobody to tell of it: the try has begun and never ended.
#[tokio::test]
async fn what_ends_the_function_goes_among_the_dead_letters_after_a_quarter_of_an_hour() {
    let Bench { outside, clock, handler, .. } = bench(None).await;
    let sent_at = clock.now();
    for receives in 3..6 {
        // Killed in the middle of it.
        assert!(outside.begin("m").await.expect("noted") < 3, "receive {receives}");
    }
    assert!(handler.message(&message("m", 6, sent_at, &stop())).await, "those behind it go on");
    assert_eq!(*outside.dead.lock().expect("dead letters"), ["m"]);
}

/// An outage is told of, however often it is met: nothing behind it could be done either.
#[tokio::test]
async fn what_is_told_of_waits_in_its_order() {
    let Bench { outside, clock, handler, .. } = bench(Some(PortError::transient("write: no answer"))).await;
    let sent_at = clock.now();
    for receives in 1..50 {
        assert!(!handler.message(&message("m", receives, sent_at, &stop())).await);
        clock.advance(Duration::from_secs(180));
    }
    assert!(outside.dead.lock().expect("dead letters").is_empty());
}

/// One waits for an hour for the right that is missing; the ninth behind it not nine hours.
#[tokio::test]
async fn those_behind_what_gave_way_need_not_wait_as_long() {
    let refused = PortError::permanent("write the state: AccessDeniedException");
    let Bench { outside, clock, handler, .. } = bench(Some(refused)).await;
    let sent_at = clock.now();
    assert!(!handler.message(&message("1", 1, sent_at, &stop())).await);
    clock.advance(Duration::from_secs(3600));
    assert!(handler.message(&message("1", 20, sent_at, &stop())).await);
    for id in ["2", "3"] {
        assert!(handler.message(&message(id, 1, sent_at, &stop())).await);
    }
    assert_eq!(*outside.dead.lock().expect("dead letters"), ["1", "2", "3"]);
}

/// The sweeper sends another in a minute; after a day they would be thousands.
#[tokio::test]
async fn wake_ups_that_fail_do_not_pile_up() {
    let Bench { outside, clock, handler, .. } = bench(Some(PortError::transient("read: newer"))).await;
    let command = wake_up(&web(), clock.now()).expect("a wake-up");
    assert!(handler.message(&message("w", 1, clock.now(), &Message::Command { command })).await);
    assert!(outside.dead.lock().expect("dead letters").is_empty());
}

/// Whichever pipeline broke it off, the others get it.
#[tokio::test]
async fn a_delivery_that_was_broken_off_is_given_to_each_pipeline_apart() {
    let Bench { installation, clock, handler, .. } = bench(None).await;
    assert!(handler.message(&message("d", 3, clock.now(), &delivery())).await);
    let apart = installation.fakes.queue.take().expect("a message");
    assert!(
        matches!(&apart, Message::Delivery { pipeline: Some(pipeline), .. } if *pipeline == web()),
        "{apart:?}"
    );
    assert!(handler.message(&message("e", 1, clock.now(), &apart)).await);
    installation.settle().await;
    assert!(installation.query.execution(&web(), None).await.is_ok(), "it started");
}
