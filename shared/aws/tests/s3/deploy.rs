//! An artifact is put into a bucket, whole or file by file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::claims::{Claim, Claims};
use penstock_app::port::logs::Logs;
use penstock_app::port::provider::{Begun, Ending, Provider, Stop};
use penstock_archive::Limits;
use penstock_aws::access::{Access, WithoutRole};
use penstock_aws::attempt_log::AttemptLogs;
use penstock_aws::cursor::Cursors;
use penstock_aws::provider::s3_deploy::S3Deploy;
use penstock_aws::sdk::Sdk;
use penstock_aws::store::TableStore;
use penstock_aws::store::schema::create_table;
use penstock_model::artifact::Artifact;
use penstock_model::id::AttemptId;
use penstock_model::pipeline::Category;
use penstock_model::time::Timestamp;
use penstock_testkit::build::{ActionBuilder, action};

use super::recorder::Recorder;
use super::stage::{Stage, perform, work};
use super::{failed, succeeded};

/// A provider that remembers nothing.
fn provider(stage: &Stage, limits: Limits) -> S3Deploy {
    provider_with(stage, limits, Arc::new(Nowhere))
}

fn provider_with(stage: &Stage, limits: Limits, cursors: Arc<dyn Cursors>) -> S3Deploy {
    S3Deploy::new(stage.access.clone(), stage.artifacts.clone(), cursors, WithoutRole::Refused, limits)
}

/// No place for cursors: everything is begun anew.
pub(crate) struct Nowhere;

#[async_trait]
impl Cursors for Nowhere {
    async fn read(&self, _attempt: &AttemptId) -> Result<usize, PortError> {
        Ok(0)
    }
    async fn advance(&self, _attempt: &AttemptId, _place: usize) -> Result<(), PortError> {
        Err(PortError::transient("remember it: there is no place"))
    }
}

pub(crate) fn publishes(bucket: &str, extract: bool) -> ActionBuilder {
    action("Publish", Category::Deploy, "S3")
        .consumes("Site")
        .set("BucketName", bucket)
        .set("Extract", if extract { "true" } else { "false" })
}

async fn site(stage: &Stage, of: &str) -> Artifact {
    let files = [
        ("index.html", "<h1>hello</h1>"),
        ("css/site.css", "body{}"),
        ("data", "plain"),
        ("home.html", "-> index.html"),
        ("styles", "-> css"),
    ];
    stage.artifact(of, "Site", &files).await
}

#[tokio::test]
async fn files_get_their_headers_and_nothing_is_pruned() {
    let stage = Stage::new().await;
    stage.bucket("site", false).await;
    stage.s3.put_object().bucket("site").key("web/old.html").send().await.unwrap();
    let site = site(&stage, "files").await;
    let publish = publishes("site", true)
        .set("ObjectKey", "web/")
        .set("CacheControl", "public, max-age=60")
        .set("CannedACL", "bucket-owner-full-control")
        .build();
    let done = succeeded(
        perform(&provider(&stage, Limits::default()), &work("files", 1, publish, vec![site])).await,
    );
    assert_eq!(
        done.summary.unwrap(),
        "put 4 objects into s3://site/web/ (1 links that lead to no file left out)"
    );
    assert!(done.external.unwrap().url.unwrap().ends_with("/s3/buckets/site?region=us-east-1&prefix=web/"));
    let listed = stage.s3.list_objects_v2().bucket("site").send().await.unwrap();
    let keys: Vec<_> = listed.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!(keys, ["web/css/site.css", "web/data", "web/home.html", "web/index.html", "web/old.html"]);
    for (key, kind, content) in [
        ("web/index.html", "text/html", "<h1>hello</h1>"),
        ("web/home.html", "text/html", "<h1>hello</h1>"),
        ("web/css/site.css", "text/css", "body{}"),
    ] {
        let object = stage.s3.get_object().bucket("site").key(key).send().await.unwrap();
        assert_eq!(object.content_type(), Some(kind));
        assert_eq!(object.cache_control(), Some("public, max-age=60"));
        assert_eq!(object.body.collect().await.unwrap().into_bytes(), content);
    }
}

#[tokio::test]
async fn the_zip_is_put_under_a_key_that_a_repetition_keeps() {
    let stage = Stage::new().await;
    stage.bucket("releases", false).await;
    let site = site(&stage, "whole").await;
    let publish = publishes("releases", false)
        .set("ObjectKey", "r/{datetime}-{uuid}")
        .set(
            "KMSEncryptionKeyARN",
            "arn:aws:kms:us-east-1:000000000000:key/0c3a5a4e-0000-4000-8000-000000000000",
        )
        .build();
    let work = work("whole", 1, publish, vec![site.clone()]);
    let provider = provider(&stage, Limits::default());
    for _ in 0..2 {
        succeeded(perform(&provider, &work).await);
    }
    let listed = stage.s3.list_objects_v2().bucket("releases").send().await.unwrap();
    let keys: Vec<_> = listed.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert!(keys[0].starts_with("r/2") && keys[0].len() == "r/2026-01-31_23-59-59-".len() + 36, "{keys:?}");
    let object = stage.s3.get_object().bucket("releases").key(keys[0]).send().await.unwrap();
    assert_eq!(object.content_type(), Some("application/zip"));
    assert_eq!(
        object.server_side_encryption().map(aws_sdk_s3::types::ServerSideEncryption::as_str),
        Some("aws:kms")
    );
    assert_eq!(object.content_length().and_then(|length| u64::try_from(length).ok()), Some(site.size));
}

#[tokio::test]
async fn each_object_is_put_with_the_acl_and_the_key_of_the_action() {
    const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/0c3a5a4e-0000-4000-8000-000000000000";
    let stage = Stage::new().await;
    stage.bucket("asked", false).await;
    let site = site(&stage, "asked").await;
    for (number, extract, expected) in [(1, true, 4), (2, false, 1)] {
        let recorder = Recorder::new();
        let access = Access::new(recorder.sdk(&stage.config), None, None);
        let (artifacts, limits) = (stage.artifacts.clone(), Limits::default());
        let provider = S3Deploy::new(access, artifacts, Arc::new(Nowhere), WithoutRole::Refused, limits);
        let publish = publishes("asked", extract)
            .set("ObjectKey", "x")
            .set("CannedACL", "bucket-owner-full-control")
            .set("KMSEncryptionKeyARN", KEY);
        succeeded(perform(&provider, &work("asked", number, publish.build(), vec![site.clone()])).await);
        let sent = recorder.sent_to("s3");
        let put: Vec<_> = sent.iter().filter(|it| it.header("x-amz-acl").is_some()).collect();
        assert_eq!(put.len(), expected, "{sent:?}");
        for put in put {
            assert_eq!(put.header("x-amz-acl"), Some("bucket-owner-full-control"));
            assert_eq!(put.header("x-amz-server-side-encryption"), Some("aws:kms"));
            assert_eq!(put.header("x-amz-server-side-encryption-aws-kms-key-id"), Some(KEY));
            assert!(put.body.is_empty(), "files are streamed");
        }
    }
}

#[tokio::test]
async fn many_files_are_put() {
    let stage = Stage::new().await;
    stage.bucket("many", false).await;
    let names: Vec<String> = (0..300).map(|number| format!("assets/{number:03}.js")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    let site = stage.artifact("many", "Site", &files).await;
    let work = work("many", 1, publishes("many", true).build(), vec![site]);
    let done = succeeded(perform(&provider(&stage, Limits::default()), &work).await);
    assert_eq!(done.summary.unwrap(), "put 300 objects into s3://many/");
    let listed = stage.s3.list_objects_v2().bucket("many").send().await.unwrap();
    assert_eq!(listed.contents().len(), 300);
}

#[tokio::test]
async fn what_cannot_be_put_is_said() {
    let stage = Stage::new().await;
    let site = site(&stage, "wrong").await;
    let missing = work("wrong", 1, publishes("no-such-bucket", true).build(), vec![site.clone()]);
    let (_, why) = failed(perform(&provider(&stage, Limits::default()), &missing).await);
    assert!(why.contains("NoSuchBucket") && why.contains("s3://no-such-bucket/"), "{why}");

    let small = Limits { files: 2, ..Limits::default() };
    let large = work("wrong", 2, publishes("site", true).build(), vec![site]);
    let (code, why) = failed(perform(&provider(&stage, small), &large).await);
    assert_eq!(code, "ConfigurationError");
    assert!(why.contains("at most 2"), "{why}");
}

/// How many versions each object of the bucket has.
async fn versions(stage: &Stage, bucket: &str) -> BTreeMap<String, usize> {
    let mut versions = BTreeMap::new();
    let (mut key, mut version) = (None, None);
    loop {
        let page = stage.s3.list_object_versions().bucket(bucket).set_key_marker(key);
        let page = page.set_version_id_marker(version).send().await.unwrap();
        for found in page.versions() {
            *versions.entry(found.key().unwrap().to_owned()).or_default() += 1;
        }
        if page.is_truncated() != Some(true) {
            return versions;
        }
        (key, version) = (page.next_key_marker, page.next_version_id_marker);
    }
}

#[tokio::test]
async fn a_deployment_that_was_killed_goes_on_where_it_was() {
    let stage = Stage::new().await;
    stage.bucket("resumed", true).await;
    let sdk = Sdk::from_config(stage.config.clone());
    create_table(&sdk, "resumed").await.unwrap();
    let table = Arc::new(TableStore::new(&sdk, "resumed"));
    let names: Vec<String> = (0..600).map(|number| format!("{number:03}.js")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    let site = stage.artifact("resumed", "Site", &files).await;
    let work = work("resumed", 1, publishes("resumed", true).build(), vec![site]);
    let provider = provider_with(&stage, Limits::default(), table.clone());
    let (then, later) = (Timestamp(0), Timestamp(1));
    assert_eq!(table.claim(&work.attempt, then, later).await.unwrap(), Claim::Taken);
    tokio::select! {
        begun = provider.start(&work, false) => panic!("it is over before it is killed: {begun:?}"),
        () = async {
            while table.read(&work.attempt).await.unwrap() == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        } => {}
    }
    assert_eq!(table.claim(&work.attempt, later, later).await.unwrap(), Claim::TakenOver);
    let begun = provider.start(&work, true).await.unwrap();
    let Begun::Ended(ending) = begun else { panic!("{begun:?}") };
    assert_eq!(succeeded(ending).summary.unwrap(), "put 600 objects into s3://resumed/");
    let versions = versions(&stage, "resumed").await;
    assert_eq!(versions.len(), 600);
    assert!(names[..250].iter().all(|name| versions[name] == 1), "what was put is not put again");
    table.advance(&work.attempt, 10).await.unwrap();
    assert_eq!(table.read(&work.attempt).await.unwrap(), 500, "it never goes back");
}

#[tokio::test]
async fn a_deployment_that_is_stopped_ends_and_says_how_far_it_came() {
    let stage = Stage::new().await;
    stage.bucket("stopped", false).await;
    stage.bucket("logs", false).await;
    let names: Vec<String> = (0..1500).map(|number| format!("{number}.txt")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "text")).collect();
    let site = stage.artifact("stopped", "Site", &files).await;
    let logs = AttemptLogs::new(&Sdk::from_config(stage.config.clone()), "logs");
    let provider = provider(&stage, Limits::default()).with_logs(logs.clone());
    let work = work("stopped", 1, publishes("stopped", true).build(), vec![site]);
    let stop = Stop::default();
    let objects =
        async || stage.s3.list_objects_v2().bucket("stopped").send().await.unwrap().contents().len();
    let asks = async {
        while objects().await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.ask();
    };
    let (begun, ()) = tokio::join!(provider.start_until(&work, false, &stop), asks);
    assert_eq!(begun.unwrap(), Begun::Ended(Ending::Cancelled));
    let told = logs.tail(&work.attempt, 1).await.unwrap().join("");
    assert!(told.contains("of 1500 objects were put; they stay"), "{told}");
    assert!(objects().await < 1500, "nothing goes on");
}
