//! Every call of a build's and of commands' fails in every way: one build each, and its end is told.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use penstock_app::port::provider::{Provider, Work};
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
use super::providers::{self, succeeded};
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
    let (faults, sdk) = faulty(&stage);
    let bucket = &stage.place.bucket;
    let provider =
        CodeBuild::new(Access::new(sdk.clone(), None, None), bucket, AttemptLogs::new(&sdk, bucket));
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
