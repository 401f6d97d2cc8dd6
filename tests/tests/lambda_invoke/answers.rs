//! A function answers, well, badly or by and by.

use penstock_app::jobs::CONTINUATION;
use penstock_app::port::provider::{Ending, Observation, Provider};
use serde_json::{Value as Json, json};

use super::providers::{failed, perform, running, succeeded};
use super::stage::{ACCOUNT, Stage};

#[tokio::test]
async fn a_function_is_called_with_codepipelines_event_and_its_answer_ends_the_attempt() {
    let stage = Stage::new().await;
    let work = stage.work("succeed");
    let external = running(&stage.provider, &work, false).await;
    assert!(external.url.as_ref().unwrap().contains("#/functions/check-"), "{external:?}");
    assert_eq!(stage.provider.observe(&work, &external).await.unwrap(), Observation::Running);
    stage.keep_next_answer().await;
    let done = succeeded(stage.ending(&work, &external).await);
    assert_eq!(done.summary.as_deref(), Some("answered"));

    let event: Json = serde_json::from_str(&done.variables["Event"]).unwrap();
    let job = &event["CodePipeline.job"];
    assert_eq!((&job["id"], &job["accountId"]), (&json!(external.id), &json!(ACCOUNT)));
    assert_eq!(job["data"]["actionConfiguration"]["configuration"], json!(work.action.configuration));
    let location = json!({"bucketName": "artifacts", "objectKey": "site/App.zip"});
    let input = json!({"name": "App", "revision": null, "location": {"type": "S3", "s3Location": location}});
    assert_eq!(job["data"]["inputArtifacts"], json!([input]));
    let recorded = json!({"name": "App", "versionId": null, "sha256": "0".repeat(64)});
    assert_eq!(event["penstock"]["inputArtifacts"], json!([recorded]));
}

#[tokio::test]
async fn a_failure_is_told_in_the_functions_words() {
    let stage = Stage::new().await;
    let work = stage.work("fail");
    let external = running(&stage.provider, &work, false).await;
    stage.keep_next_answer().await;
    let error = failed(stage.ending(&work, &external).await);
    assert_eq!((error.code.as_str(), error.message.as_str()), ("JobFailed", "the smoke test failed"));
}

#[tokio::test]
async fn a_continuation_calls_the_function_again_with_its_token() {
    let stage = Stage::new().await;
    let work = stage.work("continue");
    let external = running(&stage.provider, &work, false).await;
    stage.keep_next_answer().await;
    stage.clock.advance(CONTINUATION);
    assert_eq!(stage.provider.observe(&work, &external).await.unwrap(), Observation::Running);
    // It has been called, so that looking again calls nobody.
    assert_eq!(stage.provider.observe(&work, &external).await.unwrap(), Observation::Running);
    stage.keep_next_answer().await;
    let done = succeeded(stage.ending(&work, &external).await);
    let event: Json = serde_json::from_str(&done.variables["Event"]).unwrap();
    assert_eq!(event["CodePipeline.job"]["data"]["continuationToken"], "half-way");
    assert_ne!(event["CodePipeline.job"]["id"], external.id.as_str());
}

#[tokio::test]
async fn a_stop_between_two_calls_ends_the_attempt() {
    let stage = Stage::new().await;
    let work = stage.work("continue");
    let external = running(&stage.provider, &work, false).await;
    stage.keep_next_answer().await;
    let cancelled = Observation::Ended(Ending::Cancelled);
    assert_eq!(stage.provider.cancel(&work, Some(&external)).await.unwrap(), cancelled);
}

#[tokio::test]
async fn a_function_that_is_not_there_ends_the_attempt() {
    let stage = Stage::new().await;
    let mut work = stage.work("succeed");
    work.action.configuration.insert("FunctionName".into(), "other".into());
    let error = failed(perform(&stage.provider, &work).await);
    assert_eq!(error.code, "ConfigurationError");
    assert!(error.message.starts_with("failed to invoke the function other: ResourceNotFound"), "{error:?}");
}
