//! Messages that fail, and what becomes of those behind them.

use std::collections::BTreeMap;
use std::sync::Mutex;

use penstock_app::engine::command::Command;
use penstock_app::port::WRITTEN_BY_A_NEWER_RELEASE;
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
    async fn broken_off(&self, message: &str) -> Result<u32, PortError> {
        let mut tries = self.tries.lock().expect("tries");
        let (broken_off, under_way) = *tries.entry(message.to_owned()).or_default();
        Ok(broken_off + u32::from(under_way))
    }

    async fn begin(&self, message: &str, broken_off: u32) -> Result<(), PortError> {
        self.tries.lock().expect("tries").insert(message.to_owned(), (broken_off, true));
        Ok(())
    }

    async fn end(&self, message: &str, broken_off: u32) -> Result<(), PortError> {
        self.tries.lock().expect("tries").insert(message.to_owned(), (broken_off, false));
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

/// Commands that fail so, or of which none ends.
enum Failing {
    With(PortError),
    Never,
}

impl Failing {
    async fn answer<T>(&self) -> Result<T, AppError> {
        match self {
            Self::With(error) => Err(error.clone().into()),
            Self::Never => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Commands for Failing {
    async fn carry_out(&self, _command: Command) -> Result<penstock_app::port::commands::Reply, AppError> {
        self.answer().await
    }

    async fn define(
        &self,
        _: penstock_model::pipeline::Pipeline,
        _: penstock_app::engine::command::DefineMode,
        _: penstock_model::id::CommandId,
    ) -> Result<penstock_model::id::DefinitionVersion, AppError> {
        self.answer().await
    }
}

struct Bench {
    installation: Installation,
    outside: Arc<Outside>,
    clock: Arc<ManualClock>,
    handler: Handler,
}

async fn bench(failing: Option<Failing>) -> Bench {
    let installation = Installation::new(FakeProvider::default());
    let web =
        pipeline("web").stage("Source", [source("Fetch", "src").set("Owner", "acme").set("Repo", "web")]);
    let web = web.stage("Build", [build("Compile").consumes("src")]).build();
    installation.control.create(web, "alice").await.expect("a pipeline");
    let (outside, clock) = (Arc::new(Outside::default()), installation.fakes.clock.clone());
    let commands: Arc<dyn Commands> = match failing {
        Some(failing) => Arc::new(failing),
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

/// Has the function take it, with all of its thirty seconds.
async fn take(handler: &Handler, message: &SqsMessage) -> bool {
    handler.message(message, handler.clock.now().plus(Duration::from_secs(30))).await
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
    Message::Delivery { delivery: name("d-1"), event: Box::new(GitEvent::Push(push).into()), pipeline: None }
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
        let broken_off = outside.broken_off("m").await.expect("known");
        assert!(broken_off < 3, "receive {receives}");
        outside.begin("m", broken_off).await.expect("noted");
    }
    assert!(take(&handler, &message("m", 6, sent_at, &stop())).await, "those behind it go on");
    assert_eq!(*outside.dead.lock().expect("dead letters"), ["m"]);
}

/// An outage is told of, however often it is met: nothing behind it could be done either.
#[tokio::test]
async fn what_is_told_of_waits_in_its_order() {
    let Bench { outside, clock, handler, .. } =
        bench(Some(Failing::With(PortError::transient("write: no answer")))).await;
    let sent_at = clock.now();
    for receives in 1..50 {
        assert!(!take(&handler, &message("m", receives, sent_at, &stop())).await);
        clock.advance(Duration::from_secs(180));
    }
    assert!(outside.dead.lock().expect("dead letters").is_empty());
}

/// One waits for an hour for the right that is missing; the ninth behind it not nine hours.
#[tokio::test]
async fn those_behind_what_gave_way_need_not_wait_as_long() {
    let refused = PortError::permanent("write the state: AccessDeniedException");
    let Bench { outside, clock, handler, .. } = bench(Some(Failing::With(refused))).await;
    let sent_at = clock.now();
    assert!(!take(&handler, &message("1", 1, sent_at, &stop())).await);
    clock.advance(Duration::from_secs(3600));
    assert!(take(&handler, &message("1", 20, sent_at, &stop())).await);
    for id in ["2", "3"] {
        assert!(take(&handler, &message(id, 1, sent_at, &stop())).await);
    }
    assert_eq!(*outside.dead.lock().expect("dead letters"), ["1", "2", "3"]);
}

/// One may have written the state and not sent what follows. The sweeper sends another in a minute; after a day they would
/// be thousands.
#[tokio::test]
async fn wake_ups_that_fail_are_tried_again_and_do_not_pile_up() {
    let unsent = Failing::With(PortError::transient("send what is owed: throttled"));
    let Bench { outside, clock, handler, .. } = bench(Some(unsent)).await;
    let command = wake_up(&web(), clock.now()).expect("a wake-up");
    let wake_up = Message::Command { command };
    for receives in 1..4 {
        assert!(!take(&handler, &message("w", receives, clock.now(), &wake_up)).await, "{receives}");
    }
    assert!(take(&handler, &message("w", 4, clock.now(), &wake_up)).await);
    assert!(outside.dead.lock().expect("dead letters").is_empty());
}

/// Nothing was written: there is nothing to send.
#[tokio::test]
async fn a_wake_up_that_could_not_read_the_state_is_left_to_the_next() {
    let newer = Failing::With(PortError::transient(format!("read: {WRITTEN_BY_A_NEWER_RELEASE}")));
    let Bench { clock, handler, .. } = bench(Some(newer)).await;
    let command = wake_up(&web(), clock.now()).expect("a wake-up");
    assert!(take(&handler, &message("w", 1, clock.now(), &Message::Command { command })).await);
}

/// Slow answers of what it calls end no try: it waits as long as they are slow.
#[tokio::test]
async fn a_command_that_waits_for_slow_answers_is_not_deadly() {
    let Bench { outside, clock, handler, .. } = bench(Some(Failing::Never)).await;
    let sent_at = clock.now();
    for receives in 1..12 {
        let (message, until) = (message("m", receives, sent_at, &stop()), clock.now());
        assert!(!handler.message(&message, until).await, "{receives}");
    }
    assert!(outside.dead.lock().expect("dead letters").is_empty());
    assert_eq!(outside.broken_off("m").await.expect("known"), 0, "each try has ended");
}

/// It says nothing of those behind it.
#[tokio::test]
async fn those_behind_what_ended_the_function_wait_for_their_own_reasons() {
    let refused = PortError::permanent("write the state: AccessDeniedException");
    let Bench { outside, clock, handler, .. } = bench(Some(Failing::With(refused))).await;
    outside.begin("m", 3).await.expect("noted");
    assert!(take(&handler, &message("m", 6, clock.now(), &stop())).await);
    assert!(
        !take(&handler, &message("n", 1, clock.now(), &stop())).await,
        "rights take effect after a while"
    );
}

/// Whichever pipeline broke it off, the others get it.
#[tokio::test]
async fn a_delivery_that_was_broken_off_is_given_to_each_pipeline_apart() {
    let Bench { installation, outside, clock, handler } = bench(None).await;
    outside.begin("d", 0).await.expect("noted");
    assert!(take(&handler, &message("d", 4, clock.now(), &delivery())).await);
    let apart = installation.fakes.queue.take().expect("a message");
    assert!(
        matches!(&apart, Message::Delivery { pipeline: Some(pipeline), .. } if *pipeline == web()),
        "{apart:?}"
    );
    assert!(take(&handler, &message("e", 1, clock.now(), &apart)).await);
    installation.settle().await;
    assert!(installation.query.execution(&web(), None).await.is_ok(), "it started");
}

/// However often it comes back: apart it would go behind what was sent later.
#[tokio::test]
async fn a_delivery_that_failed_is_delivered_again_as_it_is() {
    let Bench { installation, clock, handler, .. } = bench(None).await;
    assert!(take(&handler, &message("d", 5, clock.now(), &delivery())).await);
    while let Some(message) = installation.fakes.queue.take() {
        assert!(!matches!(message, Message::Delivery { .. }), "{message:?}");
    }
}

#[test]
fn a_transitions_latency_is_measured_from_when_its_message_was_sent() {
    let message: SqsMessage =
        serde_json::from_value(json!({"messageId": "1", "attributes": {"SentTimestamp": "1700000000000"}}))
            .expect("a message");
    let measured = latency(&message, Timestamp(1_700_000_000_250)).expect("a latency").line();
    assert_eq!(measured["TransitionLatency"], 250.0);
    let unit = &measured["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"];
    assert_eq!(unit, "Milliseconds");
}
