//! `CodeBuild`: builds that succeed, fail, take too long, and are stopped.

use std::time::Duration;

use penstock_app::port::logs::Logs;
use penstock_app::port::provider::{Ending, Observation, Provider};
use penstock_tests::code_build_stand_in::Project;

use super::providers::{end, failed, perform, running, succeeded};
use super::stage::{Stage, greeting};

#[tokio::test]
async fn a_build_hands_on_its_artifact_and_variables_and_keeps_its_log() {
    let stage = Stage::new("provider-succeeds").await;
    let work = stage.work(greeting("world").produces("Out-1").build()).await;
    let done = succeeded(perform(&stage.code_build(), &work).await);
    assert_eq!(done.variables["GREETING"], "hello world of site at c0ffee");
    let [artifact] = done.artifacts.as_slice() else { panic!("{:?}", done.artifacts) };
    assert!(artifact.key.contains(&work.attempt.token()) && artifact.version_id.is_some(), "{artifact:?}");
    let uuid = done.external.as_ref().unwrap().id.strip_prefix("web:").unwrap();
    assert!(artifact.key.ends_with(&format!("/{uuid}/Out-1.zip")), "nobody else knows where: {artifact:?}");
    assert_eq!(stage.text(artifact, "greeting").await, "hello world of site at c0ffee\n");
    assert_eq!(done.summary.as_deref(), Some("build 1 succeeded"));
    assert!(done.started_at.is_some());

    // The id that the event's ARN ends with, and the build's page.
    let external = done.external.unwrap();
    let [build] = stage.place.stand_in.builds("web").try_into().unwrap();
    assert!(build["arn"].as_str().unwrap().ends_with(&format!(":build/{}", external.id)), "{build}");
    assert!(external.url.unwrap().contains("/projects/web/build/web%3A"));
    let log = stage.logs().tail(&work.attempt, 1000).await.unwrap();
    assert!(log.iter().any(|line| line.contains("Running command export GREETING")), "{log:?}");
}

#[tokio::test]
async fn a_second_input_is_a_secondary_source() {
    let stage = Stage::new("provider-inputs").await;
    let action = greeting("world").consumes("the-docs").set("PrimarySource", "App").produces("Out");
    let work = stage.work(action.build()).await;
    let done = succeeded(perform(&stage.code_build(), &work).await);
    let text = stage.text(&done.artifacts[0], "greeting").await;
    assert_eq!(text, "hello world of site at c0ffee\na page\n");
}

#[tokio::test]
async fn several_outputs_are_secondary_artifacts() {
    let stage = Stage::new("provider-secondary").await;
    let work = stage.work(greeting("world").produces("one").produces("two").build()).await;
    let done = succeeded(perform(&stage.code_build(), &work).await);
    let names: Vec<&str> = done.artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
    assert_eq!(names, ["one", "two"]);

    let missing = Stage::new("provider-missing").await;
    let work = missing.work(greeting("world").produces("one").produces("three").build()).await;
    let error = failed(perform(&missing.code_build(), &work).await);
    assert!(error.message.contains("secondary artifact three"), "{error:?}");
}

#[tokio::test]
async fn a_failure_is_told_with_its_phase_and_last_lines() {
    let stage = Stage::new("provider-fails").await;
    let work = stage.work(greeting("nobody").produces("Out").build()).await;
    let error = failed(perform(&stage.code_build(), &work).await);
    assert_eq!(error.code, "JobFailed");
    assert!(error.message.starts_with("the build failed in phase BUILD: COMMAND_EXECUTION_ERROR"));
    assert!(error.message.contains("\n  there is nobody"), "{}", error.message);
    let log = stage.logs().tail(&work.attempt, 1000).await.unwrap();
    assert!(log.iter().any(|line| line == "there is nobody"), "{log:?}");
}

#[tokio::test]
async fn a_failure_is_told_although_the_role_may_not_read_logs() {
    let stage = Stage::without_logs("provider-unread").await;
    let work = stage.work(greeting("nobody").build()).await;
    let error = failed(perform(&stage.code_build(), &work).await);
    assert!(error.message.starts_with("the build failed in phase BUILD"), "{}", error.message);
    assert!(error.message.contains("(failed to read the build's log: "), "{}", error.message);
}

#[tokio::test]
async fn a_build_that_takes_too_long_has_timed_out() {
    let stage = Stage::new("provider-late").await;
    stage.place.stand_in.add_project(Project { timeout: Duration::from_secs(1), ..Project::new("web") });
    let work = stage.work(greeting("sleeper").build()).await;
    let error = failed(perform(&stage.code_build(), &work).await);
    assert_eq!(error.code, "TimedOut");
    assert!(error.message.starts_with("the build took longer than it may"), "{}", error.message);
}

#[tokio::test]
async fn a_build_is_stopped_though_nobody_recorded_its_id() {
    let stage = Stage::new("provider-stops").await;
    let work = stage.work(greeting("sleeper").build()).await;
    let provider = stage.code_build();
    assert_eq!(provider.cancel(&work, None).await.unwrap(), Observation::Gone);
    let external = running(&provider, &work, false).await;
    let ending = end(async || provider.cancel(&work, None).await.unwrap()).await;
    assert_eq!(ending, Ending::Cancelled);
    let again = provider.cancel(&work, Some(&external)).await.unwrap();
    assert_eq!(again, Observation::Ended(Ending::Cancelled));
    // Whoever only observes it sees that it did not succeed.
    let Observation::Ended(seen) = provider.observe(&work, &external).await.unwrap() else { panic!() };
    assert!(failed(seen).message.starts_with("the build was stopped"));
}

#[tokio::test]
async fn a_build_that_succeeded_before_it_is_stopped_has_succeeded() {
    let stage = Stage::new("provider-done").await;
    let work = stage.work(greeting("world").produces("Out").build()).await;
    let provider = stage.code_build();
    let external = succeeded(perform(&provider, &work).await).external.unwrap();
    let Observation::Ended(ending) = provider.cancel(&work, Some(&external)).await.unwrap() else { panic!() };
    assert_eq!(succeeded(ending).artifacts.len(), 1);
}
