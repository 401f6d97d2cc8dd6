//! Walking through the bucket, tagging what its rules expire, and remembering how far it came.

use std::collections::BTreeSet;

use aws_sdk_s3::Client;
use penstock_app::port::clean_up::{ObjectVersion, Objects, Walk, Walks};
use penstock_aws::clean_up::{BucketObjects, EXPIRE};
use penstock_aws::store::TableStore;
use penstock_aws::store::schema::create_table;
use penstock_model::time::Timestamp;

use crate::bucket::Bucket;
use crate::connector::every_fault;
use crate::{faults, fresh};

/// All versions, page by page.
async fn all(objects: &BucketObjects) -> Vec<ObjectVersion> {
    let (mut found, mut from) = (vec![], None);
    loop {
        let page = objects.page(from.as_deref()).await.unwrap();
        assert!(page.versions.len() <= 2, "{page:?}");
        found.extend(page.versions);
        match page.next {
            Some(next) => from = Some(next),
            None => return found,
        }
    }
}

async fn tags(client: &Client, bucket: &str, version: &ObjectVersion) -> Vec<(String, String)> {
    let asked = client.get_object_tagging().bucket(bucket).key(&version.key);
    let found = asked.set_version_id(version.version_id.clone()).send().await.unwrap();
    found.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

#[tokio::test]
async fn every_version_is_listed_and_those_given_up_are_tagged() {
    let sdk = faults().sdk();
    let bucket = Bucket::new(&sdk).await;
    for key in ["web/a.zip", "web/a.zip", "web/b c.zip", "web/a.zip", "zoo/ü.zip"] {
        bucket.write(key, b"content").await;
    }
    let objects = BucketObjects::new(&sdk, &bucket.name).with_pages_of(2);
    let versions = all(&objects).await;
    let keys: Vec<&str> = versions.iter().map(|version| version.key.as_str()).collect();
    assert_eq!(keys, ["web/a.zip", "web/a.zip", "web/a.zip", "web/b c.zip", "zoo/ü.zip"]);
    let ids: BTreeSet<_> = versions.iter().map(|version| version.version_id.clone().unwrap()).collect();
    assert_eq!(ids.len(), 5, "each version has its own");
    assert!(versions.iter().all(|version| version.written_at > Timestamp(1_700_000_000_000)));

    let given_up = [versions[1].clone(), versions[3].clone(), versions[4].clone()];
    objects.give_up(&given_up).await.unwrap();
    objects.give_up(&given_up).await.unwrap();
    for version in &versions {
        let expected =
            if given_up.contains(version) { vec![(EXPIRE.to_owned(), "true".to_owned())] } else { vec![] };
        assert_eq!(tags(&bucket.client, &bucket.name, version).await, expected, "{version:?}");
    }
}

#[tokio::test]
async fn what_is_gone_meanwhile_holds_up_nothing() {
    let sdk = faults().sdk();
    let bucket = Bucket::new(&sdk).await;
    bucket.write("web/a.zip", b"content").await;
    bucket.write("web/b.zip", b"content").await;
    let objects = BucketObjects::new(&sdk, &bucket.name);
    let versions = objects.page(None).await.unwrap().versions;
    let gone = bucket.client.delete_object().bucket(&bucket.name).key("web/a.zip");
    gone.set_version_id(versions[0].version_id.clone()).send().await.unwrap();
    objects.give_up(&versions).await.unwrap();
    assert_eq!(tags(&bucket.client, &bucket.name, &versions[1]).await.len(), 1);
}

#[tokio::test]
async fn whatever_fails_all_are_listed_and_tagged() {
    let (faults, clean) = (faults(), faults().sdk());
    let bucket = Bucket::new(&clean).await;
    let objects = BucketObjects::new(&faults.sdk(), &bucket.name);
    every_fault(&faults, async |case| {
        let key = format!("{}/a.zip", fresh("web"));
        bucket.write(&key, b"content").await;
        let version = faults
            .until_done(async || {
                let found = objects.page(None).await?.versions;
                let version = found.into_iter().find(|version| version.key == key).unwrap();
                objects.give_up(std::slice::from_ref(&version)).await?;
                Ok(version)
            })
            .await;
        assert_eq!(tags(&bucket.client, &bucket.name, &version).await.len(), 1, "{case}");
    })
    .await;
}

#[tokio::test]
async fn how_far_a_walk_came_is_remembered_whatever_fails() {
    let (faults, table) = (faults(), fresh("table"));
    create_table(&faults.sdk(), &table).await.unwrap();
    let walks = TableStore::new(&faults.sdk(), &table);
    assert_eq!(walks.latest().await.unwrap(), None);
    every_fault(&faults, async |case| {
        for next in [Some(case.clone()), None] {
            let walk = Walk { began_at: Timestamp(1_700_000_000_123), next };
            let found = faults
                .until_done(async || {
                    walks.remember(&walk).await?;
                    walks.latest().await
                })
                .await;
            assert_eq!(found, Some(walk), "{case}");
        }
    })
    .await;
}
