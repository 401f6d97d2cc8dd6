//! `CodeBuild`: batches of builds.

use penstock_app::port::logs::Logs;
use penstock_app::port::provider::{Ending, Observation, Provider};
use penstock_testkit::build::ActionBuilder;
use penstock_tests::code_build_stand_in::Refusal;

use super::providers::{end, failed, perform, running, succeeded};
use super::stage::{Stage, greeting};

fn batch(who: &str) -> ActionBuilder {
    greeting(who).set("BatchEnabled", "true")
}

#[tokio::test]
async fn each_build_of_a_batch_hands_on_its_own_artifacts() {
    let stage = Stage::new("batch-each").await;
    let action = batch("world").produces("linux").produces("docs").produces("docs_one");
    let work = stage.work(action.build()).await;
    let done = succeeded(perform(&stage.code_build(), &work).await);
    let files = ["greetinglinux", "greetingdocs", "greetingdocs"];
    for (artifact, file) in done.artifacts.iter().zip(files) {
        assert_eq!(stage.text(artifact, file).await, "hello world of site at c0ffee\n");
        assert!(artifact.key.contains(&work.attempt.token()), "{artifact:?}");
    }
    let keys: std::collections::BTreeSet<&str> = done.artifacts.iter().map(|it| it.key.as_str()).collect();
    assert_eq!(keys.len(), 3);
    assert_eq!(done.summary.as_deref(), Some("batch of 2 builds succeeded"));
    assert!(done.external.unwrap().url.unwrap().contains("/projects/web/batch/web%3A"));
}

#[tokio::test]
async fn what_the_builds_of_a_batch_export_is_collected_for_whoever_refers_to_it() {
    let stage = Stage::new("batch-exports").await;
    let work = stage.work(batch("world").namespace("built").build()).await;
    let done = succeeded(perform(&stage.code_build(), &work).await);
    assert_eq!(done.variables["GREETING"], "hello world of site at c0ffee");
    assert_eq!(stage.count("BatchGetBuilds"), 1);
    let unnamed = Stage::new("batch-unnamed").await;
    let work = unnamed.work(batch("world").build()).await;
    assert!(succeeded(perform(&unnamed.code_build(), &work).await).variables.is_empty());
    assert_eq!(unnamed.count("BatchGetBuilds"), 0);
}

#[tokio::test]
async fn the_artifacts_of_a_batch_are_combined() {
    let stage = Stage::new("batch-combined").await;
    let work = stage.work(batch("world").set("CombineArtifacts", "true").produces("all").build()).await;
    let done = succeeded(perform(&stage.code_build(), &work).await);
    for file in ["greetinglinux", "greetingdocs"] {
        assert_eq!(stage.text(&done.artifacts[0], file).await, "hello world of site at c0ffee\n");
    }
}

#[tokio::test]
async fn an_artifact_that_no_build_wrote_is_told_with_the_builds() {
    let stage = Stage::new("batch-none").await;
    let work = stage.work(batch("world").produces("linux").produces("windows").build()).await;
    let error = failed(perform(&stage.code_build(), &work).await);
    assert!(error.message.contains("the artifact `windows`"), "{error:?}");
    assert!(error.message.ends_with("the builds are linux, docs"), "{error:?}");
}

#[tokio::test]
async fn a_failure_tells_which_build_failed_and_its_last_lines() {
    let stage = Stage::new("batch-fails").await;
    let work = stage.work(batch("nobodydocs").build()).await;
    let error = failed(perform(&stage.code_build(), &work).await);
    assert_eq!(error.code, "JobFailed");
    assert!(error.message.starts_with("the batch ended as FAILED"), "{}", error.message);
    assert!(error.message.contains("\nbuild `docs`: the build failed in phase BUILD"), "{}", error.message);
    assert!(error.message.contains("\n  there is nobody at docs"), "{}", error.message);
    assert!(!error.message.contains("`linux`"), "{}", error.message);
    let log = stage.logs().tail(&work.attempt, 1000).await.unwrap();
    assert!(log.iter().any(|line| line == "there is nobody at docs"), "{log:?}");
}

#[tokio::test]
async fn a_batch_is_stopped_though_nobody_recorded_its_id() {
    let stage = Stage::new("batch-stops").await;
    let work = stage.work(batch("sleeper").build()).await;
    let provider = stage.code_build();
    assert_eq!(provider.cancel(&work, None).await.unwrap(), Observation::Gone);
    let external = running(&provider, &work, false).await;
    let ending = end(async || provider.cancel(&work, None).await.unwrap()).await;
    assert_eq!(ending, Ending::Cancelled);
    let Observation::Ended(seen) = provider.observe(&work, &external).await.unwrap() else { panic!() };
    assert!(failed(seen).message.starts_with("the batch was stopped"));
}

#[tokio::test]
async fn a_batch_whose_builds_may_not_be_read_ends_all_the_same() {
    let denied = |stage: &Stage| {
        let message = "User is not authorized to perform: codebuild:BatchGetBuilds";
        stage.place.stand_in.refuse_next("BatchGetBuilds", Refusal::new("AccessDeniedException", message));
    };
    let stage = Stage::new("batch-unread").await;
    denied(&stage);
    let work = stage.work(batch("nobodydocs").build()).await;
    let error = failed(perform(&stage.code_build(), &work).await);
    assert_eq!(error.code, "JobFailed");
    assert!(error.message.starts_with("the batch ended as FAILED"), "{}", error.message);
    assert!(error.message.contains("\nbuild `docs`: failed to read build web:"), "{}", error.message);
    assert!(error.message.ends_with("codebuild:BatchGetBuilds; grant it to the action's role"), "{error:?}");
    assert_eq!(stage.count("BatchGetBuilds"), 1, "it is not looked at again");

    // What the builds export is part of a success: without it, it is none.
    let stage = Stage::new("batch-unread-exports").await;
    denied(&stage);
    let work = stage.work(batch("world").namespace("built").build()).await;
    let error = failed(perform(&stage.code_build(), &work).await);
    assert_eq!(error.code, "PermissionError");
    assert!(error.message.contains("read the builds of the batch"), "{error:?}");
    assert!(error.message.ends_with("codebuild:BatchGetBuilds; grant it to the action's role"), "{error:?}");
}
