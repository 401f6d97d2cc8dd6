//! The same against emulators that others wrote: `moto` for `CodeDeploy`, `MiniStack` for ECS.

use std::sync::Arc;

use penstock_app::port::provider::{Observation, Provider};
use penstock_aws::access::{Access, WithoutRole};
use penstock_aws::provider::codedeploy::CodeDeploy;
use penstock_aws::provider::ecs::Ecs;
use penstock_testkit::emulator::{Emulator, Moto};
use penstock_testkit::fake::ManualClock;
use serde_json::{Value as Json, json};

use super::ecs;
use super::providers::{self, end, perform, running, succeeded};
use super::stage::{self, APPSPEC, EMULATOR, artifacts, definition, to_servers, to_service};

/// A call of an emulator, made without the SDK.
async fn call(emulator: &Emulator, service: &str, target: &str, body: Json) -> Json {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let credential = format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    );
    let request = client.post(emulator.url()).body(body.to_string());
    let request = request.header("content-type", "application/x-amz-json-1.1");
    let request = request.header("x-amz-target", target).header("authorization", credential);
    let answer = request.send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{target}: {status}: {text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn moto_takes_a_deployment_once() {
    let moto = Moto::start();
    let sdk = providers::sdk(&EMULATOR.url(), &[("codedeploy", moto.url())]);
    let access = Access::new(sdk.clone(), None, None);
    let provider = CodeDeploy::new(access, artifacts(&sdk), WithoutRole::Refused);
    let application = json!({"applicationName": "shop", "computePlatform": "Server"});
    call(&moto, "codedeploy", "CodeDeploy_20141006.CreateApplication", application).await;
    let role = "arn:aws:iam::123456789012:role/deploys";
    let group = json!({"applicationName": "shop", "deploymentGroupName": "live", "serviceRoleArn": role});
    call(&moto, "codedeploy", "CodeDeploy_20141006.CreateDeploymentGroup", group).await;

    let work = stage::work(&sdk, to_servers().build(), &[("appspec.yml", APPSPEC)]).await;
    let external = running(&provider, &work, false).await;
    assert_eq!(running(&provider, &work, true).await, external);
    assert_eq!(provider.observe(&work, &external).await.unwrap(), Observation::Running);

    let mut other = stage::work(&sdk, to_servers().build(), &[("appspec.yml", APPSPEC)]).await;
    assert_ne!(running(&provider, &other, true).await, external);
    other.action.configuration.insert("ApplicationName".into(), "other".into());
    let error = providers::failed(perform(&provider, &other).await);
    assert_eq!(error.code, "ConfigurationError", "{error:?}");
}

#[tokio::test]
async fn a_service_of_ministack_moves() {
    let sdk = providers::sdk(&EMULATOR.url(), &[]);
    let clock = Arc::new(ManualClock::default());
    clock.set(providers::now());
    let access = Access::new(sdk.clone(), None, None);
    let provider = Ecs::new(access, artifacts(&sdk), clock, WithoutRole::Refused);
    let prefix = "AmazonEC2ContainerServiceV20141113";
    call(&EMULATOR, "ecs", &format!("{prefix}.CreateCluster"), json!({"clusterName": "shop"})).await;
    call(&EMULATOR, "ecs", &format!("{prefix}.RegisterTaskDefinition"), definition()).await;
    let service =
        json!({"cluster": "shop", "serviceName": "web", "taskDefinition": "web", "desiredCount": 1});
    call(&EMULATOR, "ecs", &format!("{prefix}.CreateService"), service).await;

    let work = stage::work(&sdk, to_service().build(), ecs::APP).await;
    let external = running(&provider, &work, false).await;
    let done = succeeded(end(async || provider.observe(&work, &external).await.unwrap()).await);
    assert_eq!(done.external.as_ref(), Some(&external));
    let described = json!({"cluster": "shop", "services": ["web"]});
    let described = call(&EMULATOR, "ecs", &format!("{prefix}.DescribeServices"), described).await;
    let arn = described["services"][0]["taskDefinition"].clone();
    let wanted = json!({"taskDefinition": arn, "include": ["TAGS"]});
    let now = call(&EMULATOR, "ecs", &format!("{prefix}.DescribeTaskDefinition"), wanted).await;
    assert_eq!(now["taskDefinition"]["containerDefinitions"][0]["image"], "web:new");
    // A claim that is taken over finds what was done.
    assert_eq!(running(&provider, &work, true).await, external);
}
