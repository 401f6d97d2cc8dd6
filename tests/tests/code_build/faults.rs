//! Every call of a build's, of commands' and of a batch's fails in every way: one of them each, and its end is told.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use penstock_app::port::provider::{Ending, Observation, Provider, Work};
use penstock_aws::access::Access;
use penstock_aws::attempt_log::AttemptLogs;
use penstock_aws::provider::codebuild::CodeBuild;
use penstock_aws::provider::commands::Commands;
use penstock_aws::sdk::Sdk;
use penstock_model::pipeline::Category;
use penstock_testkit::build::action;

use super::connector::{Faults, every_fault};
use super::performed::performed;
use super::place::Place;
use super::providers::{self, failed, running, succeeded};
use super::stage::{Stage, greeting};

/// How long a build may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whose calls fail.
fn faulty(stage: &Stage) -> (Faults, Sdk) {
    let faults = Faults::over(&Place::endpoint());
    let endpoints = [("codebuild", stage.place.stand_in.url())];
    let sdk = providers::with_endpoints(&faults.sdk(), &endpoints);
    (faults, sdk)
}

/// The provider whose calls fail.
fn faulty_builds(stage: &Stage) -> (Faults, CodeBuild) {
    let (faults, sdk) = faulty(stage);
    let (access, bucket) = (Access::new(sdk.clone(), None, None), &stage.place.bucket);
    (faults, CodeBuild::new(access, bucket, AttemptLogs::new(&sdk, bucket)))
}

/// Performs `work` anew for every fault.
async fn runs_once(stage: &Stage, faults: &Faults, provider: &dyn Provider, work: Work) {
    let number = AtomicU32::new(0);
    every_fault(faults, async |case| {
        let mut work = work.clone();
        work.attempt.number = 1 + number.fetch_add(1, Ordering::Relaxed);
        let complete = async |_: &_| {
            let complete = async {
                while stage.place.stand_in.builds("web").iter().any(|build| build["buildComplete"] != true) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            assert!(tokio::time::timeout(PATIENCE, complete).await.is_ok(), "{case}: a build does not end");
        };
        let done = succeeded(performed(faults, provider, &work, complete).await);
        let [artifact] = done.artifacts.as_slice() else { panic!("{case}: {done:?}") };
        assert!(artifact.key.contains(&work.attempt.token()), "{case}: {artifact:?}");
        let builds = stage.place.stand_in.builds("web");
        assert_eq!(builds.len(), usize::try_from(work.attempt.number).unwrap(), "{case}");
        assert_eq!(builds.last().unwrap()["id"], done.external.unwrap().id, "{case}");
    })
    .await;
}

#[tokio::test]
async fn a_build_runs_once_whatever_fails() {
    let stage = Stage::new("faults-build").await;
    let (faults, provider) = faulty_builds(&stage);
    let work = stage.work(greeting("world").produces("Out").build()).await;
    runs_once(&stage, &faults, &provider, work).await;
}

#[tokio::test]
async fn commands_run_once_whatever_fails() {
    let stage = Stage::new("faults-commands").await;
    let (faults, sdk) = faulty(&stage);
    let (access, bucket) = (Access::new(sdk.clone(), None, None), &stage.place.bucket);
    let provider = Commands::new(access, bucket, AttemptLogs::new(&sdk, bucket), "web");
    let mut action = action("Build", Category::Compute, "Commands").consumes("App").produces("Out").build();
    action.commands = vec!["echo said > said".into()];
    let work = stage.work(action).await;
    runs_once(&stage, &faults, &provider, work).await;
}

/// Performs a batch of the action for every fault, and hands its end to `check` with the case.
async fn batches_once(stage: &Stage, work: Work, check: impl AsyncFn(&str, &Work, Ending)) {
    let (faults, provider) = faulty_builds(stage);
    let number = AtomicU32::new(0);
    every_fault(&faults, async |case| {
        let mut work = work.clone();
        work.attempt.number = 1 + number.fetch_add(1, Ordering::Relaxed);
        let complete = async |_: &_| {
            let complete = async {
                while stage.place.stand_in.batches("web").iter().any(|batch| batch["complete"] != true) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            assert!(tokio::time::timeout(PATIENCE, complete).await.is_ok(), "{case}: a batch does not end");
        };
        check(&case, &work, performed(&faults, &provider, &work, complete).await).await;
        let batches = stage.place.stand_in.batches("web").len();
        assert_eq!(batches, usize::try_from(work.attempt.number).unwrap(), "{case}");
    })
    .await;
}

#[tokio::test]
async fn a_batch_runs_once_whatever_fails() {
    let stage = Stage::new("faults-batch").await;
    let action = greeting("world").set("BatchEnabled", "true").produces("linux").namespace("built");
    let work = stage.work(action.build()).await;
    batches_once(&stage, work, async |case, work, ending| {
        let done = succeeded(ending);
        let [artifact] = done.artifacts.as_slice() else { panic!("{case}: {done:?}") };
        assert!(artifact.key.contains(&work.attempt.token()), "{case}: {artifact:?}");
        assert_eq!(done.variables["GREETING"], "hello world of site at c0ffee", "{case}");
        let batches = stage.place.stand_in.batches("web");
        assert_eq!(batches.last().unwrap()["id"], done.external.unwrap().id, "{case}");
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_fails_is_told_with_its_reason_whatever_fails_besides() {
    let stage = Stage::new("faults-batch-fails").await;
    let work = stage.work(greeting("nobodydocs").set("BatchEnabled", "true").build()).await;
    batches_once(&stage, work, async |case, _, ending| {
        let error = failed(ending);
        assert_eq!(error.code, "JobFailed", "{case}");
        assert!(error.message.starts_with("the batch ended as FAILED"), "{case}: {error:?}");
        assert!(
            error.message.contains("\nbuild `docs`: the build failed in phase BUILD"),
            "{case}: {error:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_batch_is_stopped_whatever_fails() {
    let stage = Stage::new("faults-batch-stops").await;
    let (faults, provider) = faulty_builds(&stage);
    let work = stage.work(greeting("sleeper").set("BatchEnabled", "true").build()).await;
    let (sound, number) = (stage.code_build(), AtomicU32::new(0));
    every_fault(&faults, async |case| {
        let mut work = work.clone();
        work.attempt.number = 1 + number.fetch_add(1, Ordering::Relaxed);
        let external = running(&sound, &work, false).await;
        let deadline = Instant::now() + PATIENCE;
        let stopped = faults.until_done(async || {
            loop {
                // Its id was not recorded, so it is looked for as well.
                match provider.cancel(&work, None).await? {
                    Observation::Ended(ending) => return Ok(ending),
                    Observation::Gone => panic!("{case}: it is gone"),
                    Observation::Running => assert!(Instant::now() < deadline, "{case}: it does not end"),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        assert_eq!(stopped.await, Ending::Cancelled, "{case}");
        let batches = stage.place.stand_in.batches("web");
        let batch = batches.iter().find(|batch| batch["id"] == external.id).unwrap();
        assert_eq!(batch["buildBatchStatus"], "STOPPED", "{case}");
    })
    .await;
}
