//! Cleaning up: what is needed is never given up, whatever is admitted meanwhile; the rest is, in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use penstock_app::clean_up::{CleanUp, GRACE, LOGS_KEPT, TARGETS};
use penstock_app::control::{Control, GivenVerdict, StartRequest};
use penstock_app::error::AppError;
use penstock_app::port::PortError;
use penstock_app::port::clean_up::{ObjectVersion, Objects, Page, Walk, Walks};
use penstock_app::port::clock::Clock;
use penstock_app::port::provider::{Ending, Work};
use penstock_app::port::store::Store;
use penstock_engine::command::RetryActions;
use penstock_engine::is_open;
use penstock_engine::rejection::Rejection;
use penstock_engine::state::Execution;
use penstock_model::id::{ExecutionId, StageName};
use penstock_model::pipeline::{ExecutionMode, Pipeline};
use penstock_model::time::Timestamp;
use penstock_testkit::build::{approval, build, deploy, name, pipeline, source};
use penstock_testkit::dice::Dice;
use penstock_testkit::fake::{Conduct, FakeProvider};
use penstock_testkit::installation::Installation;

use super::{web_name, with};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A bucket in memory: when each object was written, and those that were given up.
#[derive(Default)]
struct Bucket {
    written: Mutex<BTreeMap<String, Timestamp>>,
    given_up: Mutex<BTreeSet<String>>,
    walk: Mutex<Option<Walk>>,
    fails: Mutex<Option<PortError>>,
    /// Rolled back to right before objects are given up.
    meanwhile: Mutex<Option<(Arc<Control>, Vec<ExecutionId>)>>,
}

impl Bucket {
    fn has_lost(&self, key: &str) -> bool {
        self.given_up.lock().unwrap().contains(key)
    }

    fn lost(&self) -> usize {
        self.given_up.lock().unwrap().len()
    }

    fn write(&self, key: String, now: Timestamp) {
        self.written.lock().unwrap().entry(key).or_insert(now);
    }
}

#[async_trait]
impl Objects for Bucket {
    async fn page(&self, from: Option<&str>) -> Result<Page, PortError> {
        if let Some(error) = self.fails.lock().unwrap().take() {
            return Err(error);
        }
        let written = self.written.lock().unwrap();
        let from = from.unwrap_or_default().to_owned();
        let mut later = written.range(from..).peekable();
        let page = later.by_ref().take(7);
        let versions = page
            .map(|(key, at)| ObjectVersion { key: key.clone(), version_id: None, written_at: *at })
            .collect();
        Ok(Page { versions, next: later.peek().map(|(key, _)| (*key).clone()) })
    }

    async fn give_up(&self, versions: &[ObjectVersion]) -> Result<(), PortError> {
        let meanwhile = self.meanwhile.lock().unwrap().clone();
        if let Some((control, targets)) = meanwhile {
            for target in targets {
                // Most are refused, because they are gone, never succeeded there, or the stage is taken.
                let _ = control.rollback(&web_name(), &name("Release"), Some(target), "bob").await;
            }
        }
        self.given_up.lock().unwrap().extend(versions.iter().map(|version| version.key.clone()));
        Ok(())
    }
}

#[async_trait]
impl Walks for Bucket {
    async fn latest(&self) -> Result<Option<Walk>, PortError> {
        Ok(self.walk.lock().unwrap().clone())
    }

    async fn remember(&self, walk: &Walk) -> Result<(), PortError> {
        *self.walk.lock().unwrap() = Some(walk.clone());
        Ok(())
    }
}

/// As a provider does, with the keys that it really writes; the executions whose commit says so fail in `stage`.
fn conduct(work: &Work) -> Conduct {
    let fails =
        work.revisions.values().any(|revision| revision.id == format!("fails-{}", work.attempt.stage));
    if fails && work.attempt.number == 1 {
        return Conduct::Ends(FakeProvider::failure("exit code 1"));
    }
    let Ending::Succeeded(mut done) = FakeProvider::success(work) else { return Conduct::Runs };
    for artifact in &mut done.artifacts {
        let folder = penstock_model::artifact::folder(&work.pipeline, &work.attempt);
        artifact.key = format!("{folder}/{}.zip", artifact.name);
    }
    Conduct::Ends(Ending::Succeeded(done))
}

fn definition(mode: ExecutionMode) -> Pipeline {
    let mut web = pipeline("web")
        .stage("Source", [source("Fetch", "src")])
        .stage("Build", [build("Compile").consumes("src").produces("site")])
        .stage("Release", [deploy("Ship").consumes("site")])
        .stage(
            "Public",
            [approval("Sign-off").expires_after(60 * 24 * 20), deploy("Go").consumes("site").order(2)],
        )
        .build();
    web.execution_mode = mode;
    web
}

struct World {
    installation: Installation,
    bucket: Arc<Bucket>,
    clean_up: CleanUp,
}

impl World {
    async fn new(mode: ExecutionMode) -> Self {
        let installation = with(Installation::new(FakeProvider::new(conduct)), definition(mode)).await;
        let (bucket, fakes) = (Arc::new(Bucket::default()), &installation.fakes);
        let clean_up = CleanUp::new(
            fakes.store.clone(),
            bucket.clone(),
            bucket.clone(),
            fakes.queue.clone(),
            fakes.clock.clone(),
        );
        Self { installation, bucket, clean_up }
    }

    fn now(&self) -> Timestamp {
        self.installation.fakes.clock.now()
    }

    async fn executions(&self) -> Vec<Arc<Execution>> {
        self.installation.fakes.store.executions(&web_name(), None, usize::MAX).await.unwrap()
    }

    /// Handles what is queued; what providers wrote is in the bucket then.
    async fn settle(&self) {
        self.installation.settle().await;
        for execution in self.executions().await {
            for key in keys(&execution) {
                self.bucket.write(key, self.now());
            }
        }
    }

    async fn start(&self, commit: &str) -> ExecutionId {
        let pin = penstock_engine::state::RevisionOverride {
            action: name("Fetch"),
            kind: "COMMIT_ID".into(),
            value: commit.to_owned(),
        };
        let request = StartRequest { overrides: vec![pin], ..StartRequest::by(web_name(), "alice") };
        let id = self.installation.control.start(request).await.unwrap();
        self.settle().await;
        id
    }

    async fn approve(&self) {
        let (stage, action) = super::place("Public", "Sign-off");
        let control = &self.installation.control;
        let _ = control
            .verdict(
                &web_name(),
                &stage,
                &action,
                None,
                GivenVerdict { approved: true, by: "bob", comment: "" },
            )
            .await;
        self.settle().await;
    }

    /// Sweeps until the walk of the day is over.
    async fn sweep(&self) -> usize {
        let mut given_up = 0;
        while let Some(cleaned) = self.clean_up.run().await.unwrap() {
            given_up += cleaned.given_up;
        }
        given_up
    }

    /// Days pass, each with a sweep.
    async fn days(&self, days: u32) {
        for _ in 0..days {
            self.installation.fakes.clock.advance(DAY);
            self.sweep().await;
            self.settle().await;
        }
    }

    async fn roll_back(&self, stage: &StageName, target: &ExecutionId) -> Result<ExecutionId, AppError> {
        self.installation.control.rollback(&web_name(), stage, Some(target.clone()), "alice").await
    }

    /// Nothing is lost that is open, shown as a stage's last success, or young.
    async fn check(&self, case: &str) {
        let pipeline = self.installation.fakes.store.pipeline(&web_name()).await.unwrap().unwrap();
        let successes: Vec<_> =
            pipeline.stages.values().filter_map(|stage| stage.last_success.clone()).collect();
        for execution in self.executions().await {
            if is_open(&execution) || successes.contains(&execution.id) {
                let lost: Vec<_> =
                    keys(&execution).into_iter().filter(|key| self.bucket.has_lost(key)).collect();
                assert!(
                    lost.is_empty(),
                    "{case}: {} {:?} lost {lost:?}",
                    execution.sequence,
                    execution.status
                );
            }
        }
        let written = self.bucket.written.lock().unwrap();
        let young = written.iter().filter(|(_, at)| self.now().since(**at) <= GRACE);
        assert!(young.map(|(key, _)| key).all(|key| !self.bucket.has_lost(key)), "{case}: a young object");
    }
}

fn keys(execution: &Execution) -> Vec<String> {
    let runs = execution.stages.iter().chain(&execution.inherited);
    let attempts = runs.flat_map(|run| run.actions.values());
    attempts.flat_map(|attempt| &attempt.artifacts).map(|artifact| artifact.key.clone()).collect()
}

fn is_cleaned_up(result: &Result<ExecutionId, AppError>) -> bool {
    match result {
        Err(AppError::Rejected(
            Rejection::NotRollbackable { reason, .. } | Rejection::NotRetryable { reason, .. },
        )) => reason.contains("have been cleaned up"),
        Err(_) | Ok(_) => false,
    }
}

#[tokio::test]
async fn old_executions_are_given_up_and_brought_back_no_more() {
    let world = World::new(ExecutionMode::Queued).await;
    let mut ids = vec![];
    for commit in 0..TARGETS + 5 {
        ids.push(world.start(&format!("c{commit}")).await);
        world.approve().await;
    }
    world.days(7).await;
    assert_eq!(world.bucket.lost(), 0, "seven days are not over");
    world.days(2).await;
    assert_eq!(world.bucket.lost(), 2 * 5, "source and build of all but the latest");
    let stage = name("Release");
    for (index, id) in ids.iter().enumerate() {
        let result = world.roll_back(&stage, id).await;
        assert_eq!(is_cleaned_up(&result), index < 5, "{index}: {result:?}");
        assert_eq!(result.is_ok(), index >= 5, "{index}: {result:?}");
        world.settle().await;
    }
    world.check("rolled back").await;
}

#[tokio::test]
async fn whoever_waits_for_an_approval_or_may_be_retried_keeps_all() {
    let world = World::new(ExecutionMode::Queued).await;
    let waiting = world.start("waits").await;
    let old = world.start("fails-Build").await;
    let latest = world.start("fails-Build").await;
    world.days(15).await;
    let stands = world.installation.fakes.store.execution(&web_name(), &waiting).await.unwrap().unwrap();
    assert!(is_open(&stands));
    world.check("it waits").await;
    assert_eq!(world.bucket.lost(), 1, "the source of the old failure");
    let retry = async |id| {
        let control = &world.installation.control;
        control.retry(&web_name(), Some(id), &name("Build"), RetryActions::FailedActions).await
    };
    let refused = retry(old).await;
    assert!(is_cleaned_up(&refused), "{refused:?}");
    retry(latest).await.unwrap();
    world.settle().await;
    world.check("it is retried").await;
}

#[tokio::test]
async fn a_deleted_pipeline_keeps_nothing_and_what_is_not_ours_stays() {
    let world = World::new(ExecutionMode::Queued).await;
    let (token, start) = (format!("p-{}", "0".repeat(40)), world.now());
    let (log, foreign) = (format!("logs/{token}.log"), "site/index.html".to_owned());
    let unknown = format!("artifacts/other/{token}/src.zip");
    for key in [&log, &foreign, &unknown] {
        world.bucket.write(key.clone(), start);
    }
    let orphan = format!("artifacts/web/{token}/src.zip");
    world.bucket.write(orphan.clone(), start);
    let id = world.start("c1").await;
    world.days(8).await;
    assert!(world.bucket.has_lost(&orphan), "nobody refers to it");
    assert_eq!(world.bucket.lost(), 1);
    world.installation.control.stop(&web_name(), &id, true, "no more", "alice").await.unwrap();
    world.settle().await;
    world.installation.fakes.clock.advance(Duration::from_secs(3600));
    world.installation.sweep.run(false).await.unwrap();
    world.settle().await;
    world.installation.control.delete(&web_name()).await.unwrap();
    world.days(9).await;
    assert_eq!(world.bucket.lost(), 3);
    world.days(u32::try_from(LOGS_KEPT.as_secs() / DAY.as_secs()).unwrap()).await;
    assert!(world.bucket.has_lost(&log) && !world.bucket.has_lost(&foreign));
    assert!(!world.bucket.has_lost(&unknown), "of a pipeline that is not known nothing is known");
}

#[tokio::test]
async fn a_walk_goes_on_after_what_fails_and_begins_once_a_day() {
    let world = World::new(ExecutionMode::Queued).await;
    for number in 0..300 {
        world.bucket.write(format!("logs/p-{number:040}.log"), world.now());
    }
    let part = world.clean_up.run().await.unwrap().unwrap();
    assert!(!part.complete && part.seen < 300, "{part:?}");
    *world.bucket.fails.lock().unwrap() = Some(PortError::transient("list"));
    assert!(world.clean_up.run().await.is_err());
    let mut seen = part.seen;
    while let Some(cleaned) = world.clean_up.run().await.unwrap() {
        seen += cleaned.seen;
    }
    assert_eq!(seen, 300, "each once");
    assert_eq!(world.clean_up.run().await.unwrap(), None);
    world.installation.fakes.clock.advance(DAY);
    assert!(world.clean_up.run().await.unwrap().is_some());
    *world.bucket.fails.lock().unwrap() = Some(PortError::permanent("the marker is no more"));
    assert!(world.clean_up.run().await.is_err());
    assert_eq!(world.clean_up.run().await.unwrap(), None, "the next day's walk begins anew");
}

#[tokio::test]
async fn a_plan_that_was_stuck_releases_nothing() {
    let world = World::new(ExecutionMode::Queued).await;
    for commit in 0..TARGETS + 1 {
        world.start(&format!("c{commit}")).await;
        world.approve().await;
    }
    world.installation.fakes.clock.advance(8 * DAY);
    world.sweep().await;
    world.installation.fakes.clock.advance(Duration::from_secs(2 * 3600));
    world.settle().await;
    let pipeline = world.installation.fakes.store.pipeline(&web_name()).await.unwrap().unwrap();
    assert!(pipeline.released.is_nothing());
}

/// What people, time and sweeps do in any order; messages wait for any time in between.
#[tokio::test]
async fn what_is_needed_is_never_given_up() {
    let (mut lost, mut refused, mut brought_back) = (0, 0, 0);
    for seed in 0..24 {
        let mut dice = Dice::new(seed);
        let modes = [ExecutionMode::Queued, ExecutionMode::Parallel, ExecutionMode::Superseded];
        let world = World::new(*dice.pick(&modes)).await;
        for step in 0..120 {
            let case = format!("seed {seed}, step {step}");
            let ids: Vec<ExecutionId> = world.executions().await.iter().map(|it| it.id.clone()).collect();
            let stages = ["Build", "Release", "Public"];
            let stage: StageName = name(dice.pick::<&str>(&stages));
            match dice.below(12) {
                0..4 => {
                    let commit = *dice.pick(&["a", "b", "c", "fails-Build", "fails-Release", "fails-Public"]);
                    let request = StartRequest::by(web_name(), "alice");
                    let pin = penstock_engine::state::RevisionOverride {
                        action: name("Fetch"),
                        kind: "COMMIT_ID".into(),
                        value: commit.to_owned(),
                    };
                    let _ = world
                        .installation
                        .control
                        .start(StartRequest { overrides: vec![pin], ..request })
                        .await;
                }
                4..6 => world.approve().await,
                6 if !ids.is_empty() => {
                    let result = world.roll_back(&stage, dice.pick(&ids)).await;
                    refused += usize::from(is_cleaned_up(&result));
                    brought_back += usize::from(result.is_ok());
                }
                7 if !ids.is_empty() => {
                    let id = Some(dice.pick(&ids).clone());
                    let control = &world.installation.control;
                    let result = control.retry(&web_name(), id, &stage, RetryActions::FailedActions).await;
                    refused += usize::from(is_cleaned_up(&result));
                }
                8 => {
                    let hours = u32::try_from(dice.below(100)).unwrap();
                    world.installation.fakes.clock.advance(Duration::from_secs(3600) * hours);
                    world.installation.sweep.run(false).await.unwrap();
                }
                9..11 => {
                    world.installation.fakes.clock.advance(DAY);
                    let meanwhile = (world.installation.control.clone(), ids);
                    *world.bucket.meanwhile.lock().unwrap() = dice.chance(50).then_some(meanwhile);
                    for _ in 0..=dice.below(3) {
                        world.clean_up.run().await.unwrap();
                    }
                }
                _ => world.settle().await,
            }
            if dice.chance(60) {
                world.settle().await;
            }
            world.check(&case).await;
        }
        lost += world.bucket.lost();
    }
    assert!(lost > 100 && refused > 10 && brought_back > 10, "{lost} {refused} {brought_back}");
}
