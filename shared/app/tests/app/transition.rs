//! The only writer: conflicts, lost acknowledgements, repeated commands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use penstock_app::error::AppError;
use penstock_app::port::PortError;
use penstock_app::port::clock::Clock;
use penstock_app::port::queue::{Message, Queue};
use penstock_app::port::store::{Commit, CommitError, Pipelines, Record, Snapshot, Store};
use penstock_app::transition::{TRIES, Transition};
use penstock_engine::command::{DefineMode, Request};
use penstock_engine::rejection::Rejection;
use penstock_engine::state::{AttemptStatus, Execution, PipelineState, Position};
use penstock_model::id::{DefinitionVersion, ExecutionId, PipelineName};
use penstock_model::pipeline::{Category, ExecutionMode, Pipeline};
use penstock_model::time::Timestamp;
use penstock_testkit::build::{approval, command, name, pipeline, source, start, start_from};
use penstock_testkit::fake::{FakeProvider, ManualClock, MemoryQueue, MemoryStore};
use penstock_testkit::installation::Installation;

use super::{web, web_name, with};

/// A store in which somebody else is faster a number of times.
struct Contended {
    inner: MemoryStore,
    conflicts: AtomicU32,
    loads: AtomicU32,
}

#[async_trait]
impl Store for Contended {
    async fn load(&self, pipeline: &PipelineName, named: &[ExecutionId]) -> Result<Snapshot, PortError> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        self.inner.load(pipeline, named).await
    }
    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        let left = self.conflicts.load(Ordering::Relaxed);
        self.conflicts.store(left.saturating_sub(1), Ordering::Relaxed);
        if left > 0 { Err(CommitError::Conflict) } else { self.inner.commit(commit).await }
    }
    async fn pipelines(&self) -> Result<Pipelines, PortError> {
        self.inner.pipelines().await
    }
    async fn pipeline(&self, pipeline: &PipelineName) -> Result<Option<Arc<PipelineState>>, PortError> {
        self.inner.pipeline(pipeline).await
    }
    async fn definition(
        &self,
        pipeline: &PipelineName,
        version: DefinitionVersion,
    ) -> Result<Option<Arc<Pipeline>>, PortError> {
        self.inner.definition(pipeline, version).await
    }
    async fn execution(
        &self,
        pipeline: &PipelineName,
        id: &ExecutionId,
    ) -> Result<Option<Arc<Execution>>, PortError> {
        self.inner.execution(pipeline, id).await
    }
    async fn pipeline_of(&self, id: &ExecutionId) -> Result<Option<PipelineName>, PortError> {
        self.inner.pipeline_of(id).await
    }
    async fn executions(
        &self,
        pipeline: &PipelineName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Arc<Execution>>, PortError> {
        self.inner.executions(pipeline, before, limit).await
    }
    async fn records(
        &self,
        execution: &ExecutionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Record>, PortError> {
        self.inner.records(execution, after, limit).await
    }
    async fn due(&self, now: Timestamp, all_open: bool) -> Result<Vec<PipelineName>, PortError> {
        self.inner.due(now, all_open).await
    }
    async fn quarantine(&self, what: &str, reason: &str) -> Result<(), PortError> {
        self.inner.quarantine(what, reason).await
    }
}

struct Desk {
    store: Arc<Contended>,
    queue: Arc<MemoryQueue>,
    transition: Transition,
}

async fn desk() -> Desk {
    let store = Contended { inner: MemoryStore::default(), conflicts: 0.into(), loads: 0.into() };
    let (store, queue) = (Arc::new(store), Arc::new(MemoryQueue::default()));
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let transition = Transition::new(store.clone(), queue.clone(), clock);
    transition.define(web(), DefineMode::Create, name("define")).await.expect("defining");
    Desk { store, queue, transition }
}

#[tokio::test]
async fn one_load_and_one_commit_and_what_is_owed_is_sent() {
    let desk = desk().await;
    let loads = desk.store.loads.load(Ordering::Relaxed);
    let (id, starting) = start("start-1", &web_name());
    let outcome = desk.transition.carry_out(starting).await.expect("starting");
    assert!(outcome.reply.changed && outcome.reply.rejection.is_none());
    assert_eq!(desk.store.loads.load(Ordering::Relaxed), loads + 1);
    let message = desk.queue.take().expect("the source action is owed");
    let Message::Debt { category, debt, .. } = message else { panic!("a debt, not {message:?}") };
    assert_eq!(category, Some(Category::Source));
    assert!(format!("{debt:?}").contains(id.as_str()));
    assert!(desk.queue.is_empty());
}

#[tokio::test]
async fn a_conflict_is_decided_anew_and_not_forever() {
    let desk = desk().await;
    desk.store.conflicts.store(TRIES - 1, Ordering::Relaxed);
    let (_, starting) = start("start-1", &web_name());
    assert!(desk.transition.carry_out(starting).await.expect("starting").reply.changed);
    desk.store.conflicts.store(u32::MAX, Ordering::Relaxed);
    let (_, starting) = start("start-2", &web_name());
    let busy = desk.transition.carry_out(starting).await.expect_err("others keep being faster");
    assert!(matches!(&busy, AppError::Busy(_)) && busy.is_retryable(), "{busy:?}");
}

#[tokio::test]
async fn the_same_command_again_changes_nothing_and_sends_everything_owed() {
    let desk = desk().await;
    let (_, starting) = start_from("d-1", &web_name());
    desk.transition.carry_out(starting.clone()).await.expect("starting");
    let lost = desk.queue.take().expect("what is owed");
    let again = desk.transition.carry_out(starting).await.expect("the same delivery again");
    assert!(!again.reply.changed && again.reply.rejection.is_none());
    assert_eq!(desk.queue.take(), Some(lost), "it is sent again");
    let executions = desk.store.inner.executions(&web_name(), None, 10).await.expect("listing");
    assert_eq!(executions.len(), 1);
}

#[tokio::test]
async fn definitions_are_versioned() {
    let desk = desk().await;
    let again = desk.transition.define(web(), DefineMode::Create, name("again")).await;
    assert!(matches!(again, Err(AppError::Rejected(Rejection::PipelineNameInUse { .. }))), "{again:?}");
    desk.store.conflicts.store(2, Ordering::Relaxed);
    let second = desk.transition.define(web(), DefineMode::Update, name("second")).await.expect("updating");
    assert_eq!(second, DefinitionVersion(2));
    let unknown = command("stop", &name("unknown"), Request::Delete);
    let outcome = desk.transition.carry_out(unknown).await.expect("a rejection is no error");
    assert!(matches!(outcome.reply.rejection, Some(Rejection::PipelineNotFound { .. })));
}

/// A queue that is down.
struct Down;

#[async_trait]
impl Queue for Down {
    async fn send(&self, messages: Vec<Message>) -> Result<(), PortError> {
        if messages.is_empty() { Ok(()) } else { Err(PortError::transient("send: the queue is down")) }
    }
}

#[tokio::test]
async fn what_could_not_be_sent_is_owed_still() {
    let (store, queue) = (Arc::new(MemoryStore::default()), Arc::new(MemoryQueue::default()));
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let broken = Transition::new(store.clone(), Arc::new(Down), clock.clone());
    broken.define(web(), DefineMode::Create, name("define")).await.expect("defining");
    let (_, starting) = start("start-1", &web_name());
    let failed = broken.carry_out(starting.clone()).await.expect_err("the step fails with its sending");
    assert!(failed.is_retryable());
    Transition::new(store, queue.clone(), clock).carry_out(starting).await.expect("the command again");
    assert_eq!(queue.len(), 1);
}

/// More executions than one decision lets in wait before `Release`; opening it is committed, and the process dies.
#[tokio::test]
async fn a_sweep_goes_on_where_the_wake_up_of_a_large_decision_was_never_sent() {
    let waiting = 40;
    let installation = with(
        Installation::default(),
        pipeline("web")
            .mode(ExecutionMode::Parallel)
            .stage("Source", [source("Fetch", "src")])
            .stage("Release", [approval("Sign-off")])
            .build(),
    )
    .await;
    let Installation { control, fakes, transition, sweep, .. } = &installation;
    control.disable(&web_name(), &name("Release"), "later", "alice").await.unwrap();
    for number in 0..waiting {
        transition.carry_out(start(&format!("start-{number}"), &web_name()).1).await.unwrap();
    }
    installation.settle().await;
    let clock: Arc<dyn Clock> = fakes.clock.clone();
    let dying = Transition::new(fakes.store.clone(), Arc::new(Down), clock);
    let enable = Request::Enable { stage: name("Release") };
    dying.carry_out(command("enable", &web_name(), enable)).await.expect_err("it dies before it sends");

    assert!(inside(&installation).await < waiting, "one decision lets in only so many");
    assert_eq!(sweep.run(false).await.unwrap().woken, [web_name()]);
    installation.settle().await;
    assert_eq!(inside(&installation).await, waiting);
    assert!(sweep.run(false).await.unwrap().woken.is_empty(), "nothing is due any more");
}

/// How many executions wait for the approval in `Release`.
async fn inside(installation: &Installation) -> usize {
    let executions = installation.fakes.store.executions(&web_name(), None, 100).await.unwrap();
    executions
        .iter()
        .filter(|it| matches!(&it.position, Position::In { stage } if stage.as_str() == "Release"))
        .count()
}

#[tokio::test]
async fn a_source_that_was_fetched_ahead_ends_in_the_commit_that_admits() {
    let provider = FakeProvider::default().going_ahead(true);
    let installation = with(Installation::new(provider), web()).await;
    let Installation { transition, fakes, query, .. } = &installation;
    let (id, starting) = start_from("d-1", &web_name());
    let outcome = transition.carry_out(starting.clone()).await.unwrap();
    let records = fakes.store.records(&id, 0, 10).await.unwrap();
    assert_eq!(records.len(), 1, "{records:#?}");
    let history = query.attempts(&web_name(), &id).await.unwrap();
    let statuses: Vec<_> = history.iter().map(|it| (it.id.stage.as_str(), it.attempt.status)).collect();
    assert_eq!(statuses, [("Source", AttemptStatus::Succeeded), ("Build", AttemptStatus::Scheduled)]);
    assert_eq!(outcome.state.executions[&id].revisions["Fetch"].id, "c0ffee00");
    assert_eq!(query.variables(&history[0].id).await.unwrap()["CommitId"], "c0ffee00");
    let message = fakes.queue.take().unwrap();
    let Message::Debt { category, .. } = message else { panic!("a debt, not {message:?}") };
    assert_eq!(category, Some(Category::Build), "nothing of the source is owed");
    assert!(fakes.queue.is_empty());
    assert!(!transition.carry_out(starting).await.unwrap().reply.changed, "the same delivery again");
    installation.settle().await;
    assert!(fakes.provider.started().iter().all(|work| work.attempt.stage.as_str() != "Source"));
}

/// Of an attempt that was owed before, somebody may hold the claim.
#[tokio::test]
async fn what_was_owed_before_is_not_carried_out_ahead() {
    let provider = FakeProvider::default().going_ahead(true);
    let installation = with(Installation::new(provider), web()).await;
    let Installation { transition, fakes, sweep, query, .. } = &installation;
    let clock: Arc<dyn Clock> = fakes.clock.clone();
    let (id, starting) = start("start-1", &web_name());
    let other = Transition::new(fakes.store.clone(), fakes.queue.clone(), clock);
    other.carry_out(starting.clone()).await.unwrap();
    fakes.clock.advance(std::time::Duration::from_secs(61));
    sweep.run(false).await.unwrap();
    transition.carry_out(starting).await.unwrap();
    let history = query.attempts(&web_name(), &id).await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].attempt.status, AttemptStatus::Scheduled, "a worker starts it");
}
