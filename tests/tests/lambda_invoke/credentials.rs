//! The credentials that a function is handed: of the action's role, for the job's artifacts and nothing else.

use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_iam::types::Tag;
use aws_sdk_s3::Client;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use penstock_aws::sdk::Sdk;
use penstock_model::pipeline::Category;
use penstock_testkit::build::action;
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

use super::providers::{failed, perform, running};
use super::stage::Stage;

pub(crate) fn s3(sdk: &Sdk) -> Client {
    Client::from_conf(aws_sdk_s3::config::Builder::from(sdk.config()).force_path_style(true).build())
}

/// A role that may do everything in S3, for whoever knows the external id.
pub(crate) async fn role(sdk: &Sdk, name: &str, external_id: &str) -> String {
    let iam = aws_sdk_iam::Client::new(sdk.config());
    let document = |statement: Json| json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    let trust = document(json!({
        "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
    }));
    let tag = Tag::builder().key("penstock:assumable").value("true").build().unwrap();
    let made = iam.create_role().role_name(name).assume_role_policy_document(trust).tags(tag).send().await;
    let all = document(json!({"Effect": "Allow", "Action": ["s3:*", "lambda:*"], "Resource": "*"}));
    iam.put_role_policy().role_name(name).policy_name("all").policy_document(all).send().await.unwrap();
    made.unwrap().role().unwrap().arn().to_owned()
}

#[tokio::test]
async fn a_function_may_read_its_inputs_and_put_its_outputs_and_nothing_else() {
    let stage = Stage::enforcing().await;
    let admin = s3(&stage.sdk);
    let mut work = stage.work("succeed");
    work.role_arn = Some(role(&stage.sdk, "invoker", "an-external-id").await);
    work.action.output_artifacts =
        action("Check", Category::Invoke, "Lambda").produces("Report").build().output_artifacts;
    let (bucket, key) = (work.inputs[0].bucket.clone(), work.inputs[0].key.clone());
    let _ = admin.create_bucket().bucket(&bucket).send().await;
    for key in [key.as_str(), "site/Other.zip"] {
        admin.put_object().bucket(&bucket).key(key).body(b"zip".to_vec().into()).send().await.unwrap();
    }
    running(&stage.provider, &work, false).await;
    let kept = stage.records.all();
    assert!(!kept.is_empty() && kept.iter().all(|it| !it.contains("essionToken")), "{kept:?}");
    let answer = stage.answered(1).await.body;
    let event: Json = serde_json::from_str(answer["outputVariables"]["Event"].as_str().unwrap()).unwrap();
    let data = &event["CodePipeline.job"]["data"];
    let given = &data["artifactCredentials"];
    let text = |name: &str| given[name].as_str().unwrap().to_owned();
    let token = Some(text("sessionToken"));
    let given = Credentials::new(text("accessKeyId"), text("secretAccessKey"), token, None, "the event");
    let theirs = s3(&stage.sdk.acting_as(Some(SharedCredentialsProvider::new(given)), None));
    let read = theirs.get_object().bucket(&bucket).key(&key).send().await.unwrap();
    assert_eq!(read.body.collect().await.unwrap().into_bytes(), "zip");
    let output = data["outputArtifacts"][0]["location"]["s3Location"]["objectKey"].as_str().unwrap();
    let put = async |key: &str| {
        theirs.put_object().bucket(&bucket).key(key).body(b"x".to_vec().into()).send().await
    };
    put(output).await.unwrap();
    let beside = put(&format!("{output}.zip")).await;
    let other = theirs.get_object().bucket(&bucket).key("site/Other.zip").send().await;
    let write = put(&key).await;
    let list = theirs.list_objects_v2().bucket(&bucket).send().await;
    for (what, refused) in [
        ("other", other.is_err()),
        ("write", write.is_err()),
        ("beside", beside.is_err()),
        ("list", list.is_err()),
    ] {
        assert!(refused, "{what} is allowed");
    }
}

#[tokio::test]
async fn a_function_of_another_region_is_called_there() {
    let seen = Arc::new(Mutex::new(vec![]));
    let recorded = Arc::clone(&seen);
    let router = Router::new().fallback(move |headers: HeaderMap| {
        recorded.lock().unwrap().push(headers["authorization"].to_str().unwrap().to_owned());
        async { StatusCode::ACCEPTED }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let stage = Stage::new().await;
    let mut work = stage.work("succeed");
    work.action.region = Some("eu-west-1".to_owned());
    let external = running(&stage.calling_at(&url), &work, false).await;
    assert!(external.url.unwrap().contains("eu-west-1"));
    let seen = seen.lock().unwrap();
    assert!(seen.len() == 1 && seen[0].contains("/eu-west-1/lambda/aws4_request"), "{seen:?}");
}

#[tokio::test]
async fn a_role_that_cannot_be_assumed_is_told() {
    let stage = Stage::enforcing().await;
    let mut work = stage.work("succeed");
    let arn = role(&stage.sdk, "stranger", "another-id").await;
    work.role_arn = Some(arn.clone());
    let error = failed(perform(&stage.provider, &work).await);
    assert_eq!(error.code, "PermissionError", "{error:?}");
    assert!(error.message.contains(&arn), "{error:?}");
    assert!(error.message.contains("`an-external-id/site`, then `an-external-id`"), "{error:?}");
}
