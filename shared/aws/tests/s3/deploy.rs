//! An artifact is put into a bucket, whole or file by file.

use penstock_archive::Limits;
use penstock_aws::access::WithoutRole;
use penstock_aws::provider::s3_deploy::S3Deploy;
use penstock_model::artifact::Artifact;
use penstock_model::pipeline::Category;
use penstock_testkit::build::{ActionBuilder, action};

use super::stage::{Stage, perform, work};
use super::{failed, succeeded};

fn provider(stage: &Stage, limits: Limits) -> S3Deploy {
    S3Deploy::new(stage.access.clone(), stage.artifacts.clone(), WithoutRole::Refused, limits)
}

fn publishes(bucket: &str, extract: bool) -> ActionBuilder {
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
