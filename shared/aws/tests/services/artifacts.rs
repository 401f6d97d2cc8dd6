//! The artifact store.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use penstock_app::port::artifacts::Artifacts;
use penstock_aws::artifacts::S3Artifacts;
use penstock_model::artifact::Artifact;
use penstock_model::id::{ArtifactName, AttemptId, PipelineName};
use penstock_testkit::build::name;
use penstock_testkit::contract::artifacts_contract;

use crate::bucket::Bucket;
use crate::connector::every_fault;
use crate::{faults, fresh};

pub(crate) struct Bench {
    pub(crate) bucket: Bucket,
    pub(crate) artifacts: S3Artifacts,
    folder: tempfile::TempDir,
}

impl Bench {
    /// Its bucket and its store call by `faults`.
    pub(crate) async fn new(faults: &crate::connector::Faults) -> Self {
        let sdk = faults.sdk();
        let bucket = Bucket::new(&sdk).await;
        let artifacts = S3Artifacts::new(&sdk, &bucket.name);
        Self { bucket, artifacts, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn file(&self, content: &[u8]) -> PathBuf {
        let file = self.folder.path().join(fresh("file"));
        fs::write(&file, content).unwrap();
        file
    }

    /// A file that is not there.
    pub(crate) fn missing(&self) -> PathBuf {
        self.folder.path().join(fresh("missing"))
    }

    pub(crate) async fn fetched(&self, artifact: &Artifact) -> Vec<u8> {
        let file = self.missing();
        self.artifacts.fetch(artifact, &file).await.unwrap();
        fs::read(file).unwrap()
    }
}

pub(crate) fn pipeline() -> PipelineName {
    name("web")
}

pub(crate) fn output() -> ArtifactName {
    name("Out")
}

/// An attempt that no other test and no other case has.
pub(crate) fn fresh_attempt() -> AttemptId {
    name(&format!("2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Build/{}/1", fresh("Compile")))
}

#[tokio::test]
async fn contract() {
    artifacts_contract(async || Arc::new(Bench::new(&faults()).await.artifacts) as Arc<dyn Artifacts>).await;
}

#[tokio::test]
async fn the_key_contains_the_attempt_and_the_version_is_pinned() {
    let bench = Bench::new(&faults()).await;
    let attempt = fresh_attempt();
    let put = bench.artifacts.put(&pipeline(), &attempt, &output(), &bench.file(b"first")).await.unwrap();
    assert_eq!(put.key, format!("artifacts/web/{}/Out.zip", attempt.token()));
    assert_eq!(bench.bucket.versions(&put.key).await, [put.version_id.clone().unwrap()]);
    bench.bucket.write(&put.key, b"forged by another").await;
    assert_eq!(bench.fetched(&put).await, b"first");
}

#[tokio::test]
async fn an_object_of_a_provider_is_adopted_by_its_digest() {
    let bench = Bench::new(&faults()).await;
    let key = format!("artifacts/web/{}/Out.zip", fresh_attempt().token());
    bench.bucket.write(&key, b"of a provider").await;
    let adopted = bench.artifacts.adopt(&bench.bucket.name, &key, None, &output()).await.unwrap();
    assert_eq!(bench.fetched(&adopted).await, b"of a provider");
    let pinned = adopted.version_id.as_deref();
    bench.bucket.write(&key, b"another").await;
    assert_eq!(bench.artifacts.adopt(&bench.bucket.name, &key, pinned, &output()).await, Ok(adopted));
    let missing = bench.artifacts.adopt(&bench.bucket.name, "web/missing.zip", None, &output()).await;
    assert!(!missing.unwrap_err().retryable);
}

/// A build may write to the bucket: it must not get its own object deployed as the source of another.
#[tokio::test]
async fn what_somebody_else_put_under_the_key_is_not_taken_for_ours() {
    let bench = Bench::new(&faults()).await;
    let attempt = fresh_attempt();
    let key = format!("artifacts/web/{}/Out.zip", attempt.token());
    let mine = bench.file(b"mine");
    bench.bucket.write_claiming(&key, b"planted", b"mine").await;
    let put = bench.artifacts.put(&pipeline(), &attempt, &output(), &mine).await.unwrap();
    assert_eq!(bench.fetched(&put).await, b"mine");
    assert!(put.key.starts_with(key.trim_end_matches(".zip")) && put.key != key, "{}", put.key);
    let again = bench.artifacts.put(&pipeline(), &attempt, &output(), &mine).await;
    assert_eq!(again, Ok(put.clone()));
    bench.bucket.write(&put.key, b"planted here too").await;
    let refused = bench.artifacts.put(&pipeline(), &attempt, &output(), &mine).await.unwrap_err();
    assert!(!refused.retryable && refused.message.contains("somebody else"), "{}", refused.message);
}

#[tokio::test]
async fn what_is_not_what_was_recorded_is_not_left_behind() {
    let bench = Bench::new(&faults()).await;
    let put =
        bench.artifacts.put(&pipeline(), &fresh_attempt(), &output(), &bench.file(b"true")).await.unwrap();
    let forged = Artifact { sha256: "0".repeat(64), ..put.clone() };
    let file = bench.missing();
    let refused = bench.artifacts.fetch(&forged, &file).await.unwrap_err();
    assert!(!refused.retryable && refused.message.contains("SHA-256"), "{refused}");
    assert!(!file.exists(), "a file that may be false is removed");
    let longer = Artifact { size: put.size + 1, ..forged };
    assert!(
        bench.artifacts.fetch(&longer, &file).await.unwrap_err().retryable,
        "an answer that broke off may pass"
    );
}

#[tokio::test]
async fn whatever_fails_one_version_is_stored() {
    let (faults, clean) = (faults(), Bench::new(&faults()).await);
    let artifacts = S3Artifacts::new(&faults.sdk(), &clean.bucket.name);
    every_fault(&faults, async |case| {
        let (attempt, content) = (fresh_attempt(), case.as_bytes());
        let file = clean.file(content);
        let put =
            faults.until_done(async || artifacts.put(&pipeline(), &attempt, &output(), &file).await).await;
        assert_eq!(clean.bucket.versions(&put.key).await, [put.version_id.clone().unwrap()], "{case}");
        assert_eq!(clean.fetched(&put).await, content, "{case}");
    })
    .await;
}

#[tokio::test]
async fn whatever_fails_the_whole_is_fetched_and_adopted() {
    let (faults, clean) = (faults(), Bench::new(&faults()).await);
    let artifacts = S3Artifacts::new(&faults.sdk(), &clean.bucket.name);
    let content = vec![b'x'; 300 << 10];
    let put =
        clean.artifacts.put(&pipeline(), &fresh_attempt(), &output(), &clean.file(&content)).await.unwrap();
    every_fault(&faults, async |case| {
        let file = clean.missing();
        faults.until_done(async || artifacts.fetch(&put, &file).await).await;
        assert_eq!(fs::read(&file).unwrap(), content, "{case}");
    })
    .await;
    every_fault(&faults, async |case| {
        let adopted =
            faults.until_done(async || artifacts.adopt(&put.bucket, &put.key, None, &output()).await).await;
        assert_eq!(adopted, put, "{case}");
    })
    .await;
}
