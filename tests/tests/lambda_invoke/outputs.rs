//! Output artifacts: the function puts them, and they are looked up once it has answered success.

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use penstock_app::jobs::{CONTINUATION, JobRecords};
use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::provider::{Ending, Observation, Provider, Work};
use penstock_archive::Limits;
use penstock_aws::artifacts::S3Artifacts;
use penstock_model::artifact::folder;
use penstock_model::pipeline::Category;
use penstock_testkit::build::action;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::credentials::{role, s3};
use super::providers::{failed, running, succeeded};
use super::stage::{BUCKET, Stage};

/// The work with these output artifacts.
fn producing(mut work: Work, outputs: &[&str]) -> Work {
    let shape = action("Check", Category::Invoke, "Lambda");
    work.action.output_artifacts =
        outputs.iter().fold(shape, |it, output| it.produces(output)).build().output_artifacts;
    work
}

/// Where the function is told to put the output artifact: in a folder of the attempt's that nobody else can guess.
async fn key(stage: &Stage, work: &Work, name: &str) -> String {
    let job = JobRecords::new(stage.records.clone()).opened(&work.attempt, 1).await.unwrap().unwrap();
    let place = job.invocation.outputs.into_iter().find(|place| place.name.as_str() == name).unwrap();
    let of_attempt = format!("{}/", folder(&work.pipeline, &work.attempt));
    let (random, file) = place.key.strip_prefix(&of_attempt).unwrap().split_once('/').unwrap();
    assert!(random.len() == 32 && !place.key.contains(&job.id.to_string()), "{place:?}");
    assert_eq!(file, format!("{name}.zip"));
    place.key
}

/// The store, which keeps versions.
async fn store(stage: &Stage) -> aws_sdk_s3::Client {
    let s3 = s3(&stage.sdk);
    let _ = s3.create_bucket().bucket(BUCKET).send().await;
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    s3.put_bucket_versioning().bucket(BUCKET).versioning_configuration(enabled).send().await.unwrap();
    s3
}

async fn put(s3: &aws_sdk_s3::Client, key: &str, content: &str) -> String {
    let body = content.as_bytes().to_vec().into();
    let put = s3.put_object().bucket(BUCKET).key(key).body(body).send().await.unwrap();
    put.version_id.unwrap()
}

#[tokio::test]
async fn a_function_reads_its_input_and_hands_its_outputs_on() {
    let stage = Stage::enforcing().await;
    let s3 = store(&stage).await;
    let mut work = producing(stage.work("hand on"), &["Report", "Notes"]);
    work.role_arn = Some(role(&stage.sdk, "hands-on", "an-external-id").await);
    put(&s3, &work.inputs[0].key, "what was built").await;
    let external = running(&stage.provider, &work, false).await;
    stage.keep_next_answer().await;
    let done = succeeded(stage.ending(&work, &external).await);

    let event: Json = serde_json::from_str(&done.variables["Event"]).unwrap();
    let location = json!({"bucketName": BUCKET, "objectKey": key(&stage, &work, "Report").await});
    let output =
        json!({"name": "Report", "revision": null, "location": {"type": "S3", "s3Location": location}});
    assert_eq!(event["CodePipeline.job"]["data"]["outputArtifacts"][0], output);

    let names: Vec<_> = done.artifacts.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["Report", "Notes"]);
    let folder = tempfile::tempdir().unwrap();
    for artifact in &done.artifacts {
        assert_eq!(
            (&*artifact.bucket, &*artifact.key),
            (BUCKET, &*key(&stage, &work, artifact.name.as_str()).await)
        );
        assert!(artifact.version_id.is_some(), "{artifact:?}");
        let zip = folder.path().join("artifact.zip");
        // It is checked against what was recorded.
        S3Artifacts::new(&stage.sdk, BUCKET).fetch(artifact, &zip).await.unwrap();
        assert_eq!(std::fs::metadata(&zip).unwrap().len(), artifact.size);
        let into = folder.path().join(artifact.name.as_str());
        penstock_archive::extract(&zip, &into, Limits::default()).unwrap();
        let text = std::fs::read_to_string(into.join(format!("{}.txt", artifact.name))).unwrap();
        assert_eq!(text, "what was built");
    }
}

#[tokio::test]
async fn an_output_that_was_not_put_fails_the_action_and_is_named() {
    let stage = Stage::new().await;
    let s3 = store(&stage).await;
    let work = producing(stage.work("succeed"), &["Report", "Notes"]);
    let external = running(&stage.provider, &work, false).await;
    put(&s3, &key(&stage, &work, "Report").await, "zip").await;
    stage.keep_next_answer().await;
    let error = failed(stage.ending(&work, &external).await);
    assert_eq!(error.code, "JobFailed");
    let named = format!("no output artifact `Notes` at `{}` in {BUCKET}", key(&stage, &work, "Notes").await);
    assert!(error.message.contains(&named), "{error:?}");
}

/// Lambda may run a function twice for one call.
#[tokio::test]
async fn what_lies_there_at_the_answer_is_the_output_and_what_is_put_later_is_not() {
    let stage = Stage::new().await;
    let s3 = store(&stage).await;
    let work = producing(stage.work("succeed"), &["Report"]);
    let external = running(&stage.provider, &work, false).await;
    let key = key(&stage, &work, "Report").await;
    put(&s3, &key, "of the first").await;
    let version = put(&s3, &key, "of the second").await;
    stage.keep_next_answer().await;
    let done = succeeded(stage.ending(&work, &external).await);
    let [artifact] = &done.artifacts[..] else { panic!("{done:?}") };
    assert_eq!(artifact.version_id.as_ref(), Some(&version));
    assert_eq!(artifact.sha256, hex::encode(Sha256::digest("of the second")));
    assert_eq!(artifact.size, 13);
    put(&s3, &key, "too late").await;
    let file = tempfile::NamedTempFile::new().unwrap();
    S3Artifacts::new(&stage.sdk, BUCKET).fetch(artifact, file.path()).await.unwrap();
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "of the second");
}

#[tokio::test]
async fn a_continuation_has_the_same_outputs() {
    let stage = Stage::new().await;
    let s3 = store(&stage).await;
    let work = producing(stage.work("continue"), &["Report"]);
    let external = running(&stage.provider, &work, false).await;
    put(&s3, &key(&stage, &work, "Report").await, "of the first round").await;
    stage.keep_next_answer().await;
    stage.clock.advance(CONTINUATION);
    assert_eq!(stage.provider.observe(&work, &external).await.unwrap(), Observation::Running);
    stage.keep_next_answer().await;
    let done = succeeded(stage.ending(&work, &external).await);
    assert_eq!(done.artifacts[0].key, key(&stage, &work, "Report").await);
}

/// After a stop nobody looks for what the function has put.
#[tokio::test]
async fn an_answer_after_a_stop_confirms_the_stop() {
    let stage = Stage::new().await;
    let work = producing(stage.work("succeed"), &["Report"]);
    let external = running(&stage.provider, &work, false).await;
    assert_eq!(stage.provider.cancel(&work, Some(&external)).await.unwrap(), Observation::Running);
    stage.keep_next_answer().await;
    let cancelled = Observation::Ended(Ending::Cancelled);
    assert_eq!(stage.provider.cancel(&work, Some(&external)).await.unwrap(), cancelled);
}
