//! Artifacts that are written in parts.

use penstock_app::port::artifacts::Artifacts;
use penstock_aws::artifacts::S3Artifacts;

use crate::artifacts::{Bench, fresh_attempt, output, pipeline};
use crate::connector::every_fault;
use crate::faults;

/// The smallest part.
const PART: u64 = 5 << 20;

/// A content of two parts and a bit, no part of which is like another.
fn large(seed: u8) -> Vec<u8> {
    (0..2 * PART + 77).map(|index| (index >> 20) as u8 ^ index as u8 ^ seed).collect()
}

#[tokio::test]
async fn a_large_artifact_is_written_in_parts_and_once() {
    let bench = Bench::new(&faults()).await;
    let artifacts = bench.artifacts.clone().in_parts_above(PART);
    let (attempt, content) = (fresh_attempt(), large(1));
    let put = artifacts.put(&pipeline(), &attempt, &output(), &bench.file(&content)).await.unwrap();
    assert_eq!(put.size, content.len() as u64);
    let etag = bench.bucket.client.head_object().bucket(&put.bucket).key(&put.key).send().await.unwrap();
    assert!(etag.e_tag().unwrap().contains("-3"), "three parts: {:?}", etag.e_tag());
    assert!(bench.fetched(&put).await == content);
    let again = artifacts.put(&pipeline(), &attempt, &output(), &bench.file(&content)).await.unwrap();
    assert_eq!(again, put, "what is there is adopted");
    let other = artifacts.put(&pipeline(), &attempt, &output(), &bench.file(&large(2))).await.unwrap();
    assert!(bench.fetched(&other).await == large(2), "what is not the same is not taken for it");
}

#[tokio::test]
async fn whatever_fails_one_version_is_stored_in_parts() {
    let (faults, clean) = (faults(), Bench::new(&faults()).await);
    let artifacts = S3Artifacts::new(&faults.sdk(), &clean.bucket.name).in_parts_above(PART);
    let content = large(3);
    let file = clean.file(&content);
    every_fault(&faults, async |case| {
        let attempt = fresh_attempt();
        let put =
            faults.until_done(async || artifacts.put(&pipeline(), &attempt, &output(), &file).await).await;
        assert_eq!(clean.bucket.versions(&put.key).await, [put.version_id.clone().unwrap()], "{case}");
        assert!(clean.fetched(&put).await == content, "{case}");
    })
    .await;
}
