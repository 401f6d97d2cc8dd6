//! A build in another region gets its input there, and what it made is read at home.
//!
//! The emulator answers a request for a bucket that was signed for another region as S3 does: with 301.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, VersioningConfiguration,
};
use penstock_app::port::PortError;
use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::provider::{Provider, Work};
use penstock_archive::Limits;
use penstock_aws::access::WithoutRole;
use penstock_aws::artifacts::S3Artifacts;
use penstock_aws::cursor::Cursors;
use penstock_aws::provider::handover::Handover;
use penstock_aws::provider::s3_deploy::S3Deploy;
use penstock_model::id::AttemptId;
use penstock_model::pipeline::{ArtifactStore, Category};
use penstock_model::stores::Stores;
use penstock_testkit::build::action;
use serde_json::json;

use super::providers::{failed, perform, succeeded};
use super::stage::{Stage, greeting};

const HOME: &str = "us-east-1";
const AWAY: &str = "eu-west-1";
const KEY: &str = "arn:aws:kms:eu-west-1:000000000000:key/0c3a5a4e-0000-4000-8000-000000000000";

/// No place for cursors: what is deployed here is small.
struct Nowhere;

#[async_trait]
impl Cursors for Nowhere {
    async fn read(&self, _attempt: &AttemptId) -> Result<usize, PortError> {
        Ok(0)
    }

    async fn advance(&self, _attempt: &AttemptId, _place: usize) -> Result<(), PortError> {
        Err(PortError::transient("remember it: there is no place"))
    }
}

/// A client of S3 in `region`.
fn client(stage: &Stage, region: &str) -> Client {
    let sdk = stage.sdk.acting_as(None, Some(region));
    Client::from_conf(aws_sdk_s3::config::Builder::from(sdk.config()).force_path_style(true).build())
}

/// A versioned bucket in [`AWAY`].
async fn bucket_away(stage: &Stage, bucket: &str) {
    let (s3, place) = (client(stage, AWAY), BucketLocationConstraint::from(AWAY));
    let place = CreateBucketConfiguration::builder().location_constraint(place).build();
    s3.create_bucket().bucket(bucket).create_bucket_configuration(place).send().await.unwrap();
    let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    s3.put_bucket_versioning().bucket(bucket).versioning_configuration(on).send().await.unwrap();
}

/// A store in each region; what is stored away is encrypted with a key of its own.
fn stores(home: &str, away: &str) -> Stores {
    let store =
        |bucket: &str, key| ArtifactStore { kind: "S3".into(), location: bucket.into(), encryption_key: key };
    let key = json!({"id": KEY, "type": "KMS"});
    Stores::Regional([(HOME.into(), store(home, None)), (AWAY.into(), store(away, Some(key)))].into())
}

fn handover(stage: &Stage, inner: impl Provider + 'static) -> Handover {
    let own = S3Artifacts::new(&stage.sdk, &stage.place.bucket);
    Handover::new(Arc::new(inner), stage.access(), own, WithoutRole::DefaultRole)
}

/// A build away of a source at home.
async fn work(stage: &Stage, away: &str) -> Work {
    let mut action = greeting("world").produces("Out").build();
    action.region = Some(AWAY.to_owned());
    let mut work = stage.work(action).await;
    work.artifact_store = Some(stores(&stage.place.bucket, away));
    work
}

#[tokio::test]
async fn a_build_away_gets_its_input_there_and_what_it_made_is_read_at_home() {
    let stage = Stage::building_in(AWAY, "regions-home").await;
    bucket_away(&stage, "regions-away").await;
    let mut work = work(&stage, "regions-away").await;
    let input = work.inputs[0].clone();
    let builds = handover(&stage, stage.code_build());
    let done = succeeded(perform(&builds, &work).await);

    let requests = stage.place.stand_in.requests();
    let start = requests.iter().find(|it| it.operation == "StartBuild").unwrap();
    let key = format!("artifacts/{}", input.key);
    assert_eq!(start.region.as_deref(), Some(AWAY));
    assert_eq!(start.body["sourceLocationOverride"], format!("regions-away/{key}"));
    assert_eq!(start.body["encryptionKeyOverride"], KEY);
    let away = client(&stage, AWAY);
    let copy = away.head_object().bucket("regions-away").key(&key).send().await.unwrap();
    assert_eq!(start.body["sourceVersion"].as_str(), copy.version_id());
    assert_eq!(copy.ssekms_key_id(), Some(KEY), "it is encrypted as the store asks");
    let [made] = done.artifacts.as_slice() else { panic!("{:?}", done.artifacts) };
    assert_eq!(made.bucket, "regions-away");
    let at_home = client(&stage, HOME).head_object().bucket("regions-away").key(&made.key).send().await;
    assert!(at_home.is_err(), "who calls S3 at home does not reach it");

    // Another attempt copies nothing anew.
    work.attempt.number = 2;
    succeeded(perform(&builds, &work).await);
    let versions = away.list_object_versions().bucket("regions-away").prefix(&key).send().await.unwrap();
    assert_eq!(versions.versions().len(), 1);

    // At home, an action that follows reads what was made away.
    let s3 = client(&stage, HOME);
    s3.create_bucket().bucket("regions-site").send().await.unwrap();
    let publish = action("Publish", Category::Deploy, "S3").consumes("Out");
    work.action = publish.set("BucketName", "regions-site").set("Extract", "true").build();
    work.inputs = vec![made.clone()];
    let own = Arc::new(S3Artifacts::new(&stage.sdk, &stage.place.bucket));
    let deploy =
        S3Deploy::new(stage.access(), own, Arc::new(Nowhere), WithoutRole::Refused, Limits::default());
    succeeded(perform(&handover(&stage, deploy), &work).await);
    let page = s3.get_object().bucket("regions-site").key("greeting").send().await.unwrap();
    assert_eq!(page.body.collect().await.unwrap().into_bytes(), "hello world of site at c0ffee\n");
    let copied = s3.head_object().bucket("regions-home").key(&made.key).send().await.unwrap();
    assert_eq!(copied.ssekms_key_id(), None, "the store at home asks for no key");
}

#[tokio::test]
async fn what_is_in_the_way_of_a_copy_is_not_taken_for_it() {
    let stage = Stage::building_in(AWAY, "regions-forged-home").await;
    bucket_away(&stage, "regions-forged").await;
    let work = work(&stage, "regions-forged").await;
    let (away, key) = (client(&stage, AWAY), format!("artifacts/{}", work.inputs[0].key));
    let forged = away.put_object().bucket("regions-forged").key(&key).body(b"forged".to_vec().into());
    forged.metadata("sha256", &work.inputs[0].sha256).send().await.unwrap();
    succeeded(perform(&handover(&stage, stage.code_build()), &work).await);
    let own = S3Artifacts::new(&stage.sdk.acting_as(None, Some(AWAY)), "regions-forged");
    let copy = own.adopt("regions-forged", &key, None, &work.inputs[0].name).await.unwrap();
    assert_eq!(copy.sha256, work.inputs[0].sha256);
}

#[tokio::test]
async fn a_copy_that_cannot_be_made_ends_an_attempt_that_has_not_begun() {
    let stage = Stage::building_in(AWAY, "regions-missing-home").await;
    let builds = handover(&stage, stage.code_build());
    let missing = work(&stage, "regions-no-such-bucket").await;
    let error = failed(perform(&builds, &missing).await);
    assert!(error.message.contains("to regions-no-such-bucket: NoSuchBucket"), "{error:?}");
    assert_eq!(stage.count("StartBuild"), 0);
    // Another worker may have begun it: that the copy fails says nothing of the build.
    assert!(builds.start(&missing, true).await.unwrap_err().retryable);

    client(&stage, HOME).create_bucket().bucket("regions-elsewhere").send().await.unwrap();
    let error = failed(perform(&builds, &work(&stage, "regions-elsewhere").await).await);
    assert!(error.message.contains("the bucket is in us-east-1; correct"), "{error:?}");

    bucket_away(&stage, "regions-damaged").await;
    let mut damaged = work(&stage, "regions-damaged").await;
    damaged.inputs[0].sha256 = "0".repeat(64);
    let error = failed(perform(&builds, &damaged).await);
    assert!(error.message.contains("it is not used"), "{error:?}");
    assert_eq!(stage.count("StartBuild"), 0);
}

#[tokio::test]
async fn what_an_action_stores_by_itself_goes_there_and_is_encrypted() {
    let stage = Stage::building_in(AWAY, "regions-put-home").await;
    bucket_away(&stage, "regions-put").await;
    let work = work(&stage, "regions-put").await;
    let store = S3Artifacts::new(&stage.sdk, &stage.place.bucket).of(&work, &stage.sdk);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large");
    std::fs::write(&file, vec![b'x'; 6 << 20]).unwrap();
    for (parts, number) in [(false, 1), (true, 2)] {
        let store = if parts { store.clone().in_parts_above(5 << 20) } else { store.clone() };
        let mut attempt = work.attempt.clone();
        attempt.number = number;
        let put = store.put(&work.pipeline, &attempt, &work.inputs[0].name, &file).await.unwrap();
        assert_eq!(put.bucket, "regions-put");
        let head = client(&stage, AWAY).head_object().bucket(&put.bucket).key(&put.key).send().await.unwrap();
        assert_eq!(head.ssekms_key_id(), Some(KEY), "in parts: {parts}");
        let fetched = folder.path().join("fetched");
        store.fetch(&put, &fetched).await.unwrap();
    }
}
