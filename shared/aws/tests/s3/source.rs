//! An object of a versioned bucket is pinned and becomes the artifact.

use std::fs;
use std::sync::Arc;

use penstock_app::engine::state::RevisionOverride;
use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::provider::{Begun, Ending, Provider};
use penstock_aws::access::WithoutRole;
use penstock_aws::provider::s3_source::S3Source;
use penstock_model::pipeline::{Action, Category};
use penstock_testkit::build::{action, name};
use penstock_testkit::fake::MemoryRevisions;

use super::stage::{Stage, perform, work};
use super::{failed, succeeded};

fn provider(stage: &Stage) -> S3Source {
    let revisions = Arc::new(MemoryRevisions::default());
    S3Source::new(stage.access.clone(), stage.artifacts.clone(), revisions, WithoutRole::Refused)
}

pub(crate) fn source(bucket: &str, key: &str) -> Action {
    action("Source", Category::Source, "S3")
        .produces("App")
        .set("S3Bucket", bucket)
        .set("S3ObjectKey", key)
        .set("AllowOverrideForS3ObjectKey", "true")
        .build()
}

pub(crate) async fn upload(stage: &Stage, bucket: &str, key: &str, content: &'static str) -> String {
    let body = content.as_bytes().to_vec().into();
    let put = stage.s3.put_object().bucket(bucket).key(key).body(body).send().await.unwrap();
    put.version_id.unwrap()
}

fn wish(kind: &str, value: &str) -> RevisionOverride {
    RevisionOverride { action: name("Source"), kind: kind.into(), value: value.to_owned() }
}

#[tokio::test]
async fn the_version_is_pinned_and_may_be_asked_for() {
    let stage = Stage::new().await;
    stage.bucket("incoming", true).await;
    let first = upload(&stage, "incoming", "app.bin", "first").await;
    let second = upload(&stage, "incoming", "app.bin", "second").await;
    let other = upload(&stage, "incoming", "other.bin", "other").await;
    let cases = [
        (None, "app.bin", &second, "second"),
        (Some(wish("S3_OBJECT_VERSION_ID", &first)), "app.bin", &first, "first"),
        (Some(wish("S3_OBJECT_KEY", "other.bin")), "other.bin", &other, "other"),
    ];
    for (number, (wish, key, version, content)) in (1..).zip(cases) {
        let mut work = work("pinned", number, source("incoming", "app.bin"), vec![]);
        work.revision_override = wish;
        let done = succeeded(perform(&provider(&stage), &work).await);
        assert_eq!(done.revision.unwrap().id, *version);
        assert_eq!(done.variables["BucketName"], "incoming");
        assert_eq!(done.variables["ObjectKey"], key);
        assert_eq!(done.variables["VersionId"], *version);
        assert!(!done.variables["ETag"].contains('"'));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("object");
        stage.artifacts.fetch(&done.artifacts[0], &file).await.unwrap();
        assert_eq!(fs::read(file).unwrap(), content.as_bytes());
    }
}

#[tokio::test]
async fn a_repetition_keeps_to_the_first_version() {
    let stage = Stage::new().await;
    stage.bucket("incoming", true).await;
    let version = upload(&stage, "incoming", "moving.bin", "first").await;
    let (provider, work) = (provider(&stage), work("moving", 1, source("incoming", "moving.bin"), vec![]));
    let first = provider.start(&work, false).await.unwrap();
    upload(&stage, "incoming", "moving.bin", "second").await;
    // The report of the first was lost; another worker fetches anew.
    let again = provider.start(&work, true).await.unwrap();
    assert_eq!(again, first);
    let Begun::Ended(Ending::Succeeded(done)) = again else { panic!("{again:?}") };
    assert_eq!(done.revision.unwrap().id, version);
}

#[tokio::test]
async fn a_bucket_without_versions_and_an_absent_object_are_refused() {
    let stage = Stage::new().await;
    stage.bucket("unversioned", false).await;
    stage.bucket("incoming", true).await;
    stage.s3.put_object().bucket("unversioned").key("app.zip").send().await.unwrap();
    let unversioned = work("refused", 1, source("unversioned", "app.zip"), vec![]);
    let (code, why) = failed(perform(&provider(&stage), &unversioned).await);
    assert_eq!(code, "ConfigurationError");
    assert!(why.contains("put-bucket-versioning"), "{why}");

    let absent = work("refused", 2, source("incoming", "absent.zip"), vec![]);
    let (code, why) = failed(perform(&provider(&stage), &absent).await);
    assert_eq!(code, "RevisionUnavailable");
    assert!(why.contains("s3://incoming/absent.zip"), "{why}");
}
