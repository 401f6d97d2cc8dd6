//! Every call to S3 fails in every way: what is deployed is whole, and a source is fetched as one version.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use penstock_app::engine::state::External;
use penstock_archive::Limits;
use penstock_aws::access::{Access, WithoutRole};
use penstock_aws::artifacts::S3Artifacts;
use penstock_aws::provider::s3_deploy::S3Deploy;
use penstock_aws::provider::s3_source::S3Source;
use penstock_testkit::fake::MemoryRevisions;

use super::connector::{Faults, every_fault};
use super::deploy::{Nowhere, publishes};
use super::performed::performed;
use super::source::{source, upload};
use super::stage::{Stage, work};
use super::succeeded;

/// Nothing of it goes on by itself.
async fn advance(_: &External) {}

#[tokio::test]
async fn a_deployment_is_whole_whatever_fails() {
    let stage = Stage::new().await;
    stage.bucket("struck", false).await;
    let faults = Faults::over(stage.config.endpoint_url().unwrap());
    let sdk = faults.sdk();
    let (artifacts, access) = (Arc::new(S3Artifacts::new(&sdk, "artifacts")), Access::new(sdk, None, None));
    let limits = Limits::default();
    let provider = S3Deploy::new(access, artifacts, Arc::new(Nowhere), WithoutRole::Refused, limits);
    let site = stage.artifact("struck", "Site", &[("a.html", "one"), ("b/c.css", "two")]).await;
    let number = AtomicU32::new(0);
    every_fault(&faults, async |case| {
        let number = 1 + number.fetch_add(1, Ordering::Relaxed);
        let publish = publishes("struck", true).set("ObjectKey", &format!("{number}/")).build();
        let work = work("struck", number, publish, vec![site.clone()]);
        let done = succeeded(performed(&faults, &provider, &work, advance).await);
        assert_eq!(done.summary.unwrap(), format!("put 2 objects into s3://struck/{number}/"), "{case}");
        for (key, content) in [("a.html", "one"), ("b/c.css", "two")] {
            let object = stage.s3.get_object().bucket("struck").key(format!("{number}/{key}"));
            let object = object.send().await.unwrap().body.collect().await.unwrap();
            assert_eq!(object.into_bytes(), content, "{case}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_source_is_fetched_as_one_version_whatever_fails() {
    let stage = Stage::new().await;
    stage.bucket("struck-source", true).await;
    let version = upload(&stage, "struck-source", "app.bin", "the source").await;
    let faults = Faults::over(stage.config.endpoint_url().unwrap());
    let sdk = faults.sdk();
    let (artifacts, access) = (Arc::new(S3Artifacts::new(&sdk, "artifacts")), Access::new(sdk, None, None));
    let revisions = Arc::new(MemoryRevisions::default());
    let provider = S3Source::new(access, artifacts, revisions, WithoutRole::Refused);
    let number = AtomicU32::new(0);
    every_fault(&faults, async |case| {
        let number = 1 + number.fetch_add(1, Ordering::Relaxed);
        let work = work("struck-source", number, source("struck-source", "app.bin"), vec![]);
        let done = succeeded(performed(&faults, &provider, &work, advance).await);
        assert_eq!(done.revision.unwrap().id, version, "{case}");
        let [artifact] = done.artifacts.as_slice() else { panic!("{case}") };
        let stored = stage.s3.list_object_versions().bucket("artifacts").prefix(&artifact.key);
        let stored = stored.send().await.unwrap();
        let versions: Vec<_> = stored.versions().iter().map(|it| it.version_id()).collect();
        assert_eq!(versions, [artifact.version_id.as_deref()], "{case}");
    })
    .await;
}
