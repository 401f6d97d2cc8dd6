//! `CodeDeployToECS`: templates filled in, the definition registered, traffic shifted by `CodeDeploy`.

use penstock_app::port::provider::{Ending, Observation, Provider};
use penstock_model::artifact::Artifact;
use penstock_testkit::build::{ActionBuilder, name};
use serde_json::json;

use super::providers::{failed, perform, running, succeeded};
use super::stage::{Stage, deploy};

const TASK_DEFINITION: &str = r#"{
  "family": "blue-green",
  "revision": 7,
  "containerDefinitions": [{"name": "web", "image": "<IMAGE1_NAME>", "essential": true}],
  "tags": [{"key": "team", "value": "shop"}]
}"#;
const APPSPEC: &str = "version: 0.0\nResources:\n  - Web:\n      Type: AWS::ECS::Service\n      Properties:\n        TaskDefinition: <TASK_DEFINITION>\n        LoadBalancerInfo:\n          ContainerName: web\n          ContainerPort: 80\n";
const IMAGE: &str = "111122223333.dkr.ecr.us-east-1.amazonaws.com/web@sha256:0123";
const DETAIL: &str =
    r#"{"ImageURI": "111122223333.dkr.ecr.us-east-1.amazonaws.com/web@sha256:0123", "Version": "1.0"}"#;
pub(crate) const APP: &[(&str, &str)] =
    &[("taskdef.json", TASK_DEFINITION), ("deploy/appspec.yaml", APPSPEC), ("imageDetail.json", DETAIL)];

pub(crate) fn blue_green() -> ActionBuilder {
    deploy("CodeDeployToECS")
        .set("ApplicationName", "shop")
        .set("DeploymentGroupName", "service")
        .set("TaskDefinitionTemplateArtifact", "App")
        .set("AppSpecTemplateArtifact", "App")
        .set("AppSpecTemplatePath", "deploy/appspec.yaml")
        .set("Image1ArtifactName", "App")
        .set("Image1ContainerName", "IMAGE1_NAME")
}

#[tokio::test]
async fn the_templates_are_filled_in_and_deployed() {
    let stage = Stage::new();
    let work = stage.work(blue_green().build(), APP).await;
    let provider = stage.to_ecs();
    let external = running(&provider, &work, false).await;
    let definition = stage.ecs.definitions().pop().unwrap();
    assert_eq!(definition["containerDefinitions"][0]["image"], IMAGE);
    let ours = json!({"key": "penstock:attempt", "value": work.attempt.token()});
    assert_eq!(definition["tags"], json!([{"key": "team", "value": "shop"}, ours]));
    let [deployment] = stage.code_deploy.deployments().try_into().unwrap();
    let content = deployment["revision"]["appSpecContent"]["content"].as_str().unwrap();
    assert!(content.contains(definition["taskDefinitionArn"].as_str().unwrap()), "{content}");

    assert_eq!(provider.observe(&work, &external).await.unwrap(), Observation::Running);
    stage.code_deploy.succeed(&external.id);
    let Observation::Ended(ending) = provider.observe(&work, &external).await.unwrap() else { panic!() };
    succeeded(ending);
}

/// Where nothing says otherwise, the templates are `taskdef.json` and `appspec.yaml` at the top.
#[tokio::test]
async fn four_images_come_from_artifacts_of_their_own() {
    let containers: Vec<_> =
        (1..=4).map(|n| json!({"name": format!("c{n}"), "image": format!("<IMAGE{n}>")})).collect();
    let template = json!({"family": "four", "containerDefinitions": containers}).to_string();
    let stage = Stage::new();
    let mut action = deploy("CodeDeployToECS")
        .set("ApplicationName", "shop")
        .set("DeploymentGroupName", "service")
        .set("TaskDefinitionTemplateArtifact", "App")
        .set("AppSpecTemplateArtifact", "App");
    for n in 1..=4 {
        let artifact = if n == 1 { "App".to_owned() } else { format!("Image{n}") };
        action = action
            .set(&format!("Image{n}ArtifactName"), &artifact)
            .set(&format!("Image{n}ContainerName"), &format!("IMAGE{n}"));
        if n > 1 {
            action = action.consumes(&artifact);
        }
    }
    let files = [("taskdef.json", &*template), ("appspec.yaml", APPSPEC), ("imageDetail.json", DETAIL)];
    let mut work = stage.work(action.build(), &files).await;
    for n in 2..=4 {
        let detail = json!({"ImageURI": format!("repo/c{n}@sha256:{n}")}).to_string();
        let other = stage.work(deploy("CodeDeployToECS").build(), &[("imageDetail.json", &detail)]).await;
        work.inputs.push(Artifact { name: name(&format!("Image{n}")), ..other.inputs[0].clone() });
    }
    running(&stage.to_ecs(), &work, false).await;
    let definition = stage.ecs.definitions().pop().unwrap();
    let containers = definition["containerDefinitions"].as_array().unwrap().iter();
    let images: Vec<_> = containers.map(|it| it["image"].as_str().unwrap()).collect();
    assert_eq!(images, [IMAGE, "repo/c2@sha256:2", "repo/c3@sha256:3", "repo/c4@sha256:4"]);
    assert_eq!(stage.code_deploy.deployments().len(), 1);
}

#[tokio::test]
async fn a_hook_that_fails_is_told() {
    let stage = Stage::new();
    let work = stage.work(blue_green().build(), APP).await;
    let provider = stage.to_ecs();
    let external = running(&provider, &work, false).await;
    let target = json!({
        "deploymentTargetType": "ECSTarget",
        "ecsTarget": {"targetId": "shop:web", "status": "Failed", "lifecycleEvents": [
            {"lifecycleEventName": "AfterAllowTestTraffic", "status": "Failed", "endTime": 1},
        ]},
    });
    stage.code_deploy.fail(&external.id, "a hook failed", &[target]);
    let Observation::Ended(ending) = provider.observe(&work, &external).await.unwrap() else { panic!() };
    assert!(failed(ending).message.contains("\nAfterAllowTestTraffic on shop:web"));
}

#[tokio::test]
async fn answers_that_are_lost_begin_no_second_deployment() {
    for (operation, times) in [("RegisterTaskDefinition", 3), ("CreateDeployment", 1)] {
        let stage = Stage::new();
        let work = stage.work(blue_green().build(), APP).await;
        let provider = stage.to_ecs();
        (0..times).for_each(|_| stage.ecs.service.lose_next_answer(operation));
        (0..times).for_each(|_| stage.code_deploy.service.lose_next_answer(operation));
        let lost = provider.start(&work, false).await.unwrap_err();
        assert!(lost.retryable, "{operation}: {lost:?}");
        let registered = stage.ecs.definitions().len();
        running(&provider, &work, true).await;
        assert_eq!(stage.ecs.definitions().len(), registered, "{operation}");
        assert_eq!(stage.code_deploy.deployments().len(), 1, "{operation}");
    }
}

#[tokio::test]
async fn it_is_stopped() {
    let stage = Stage::new();
    let work = stage.work(blue_green().build(), APP).await;
    let provider = stage.to_ecs();
    let external = running(&provider, &work, false).await;
    assert_eq!(provider.cancel(&work, Some(&external)).await.unwrap(), Observation::Running);
    assert_eq!(stage.code_deploy.service.count("StopDeployment"), 1);
    stage.code_deploy.halt(&external.id, "stopped");
    let cancelled = Observation::Ended(Ending::Cancelled);
    assert_eq!(provider.cancel(&work, None).await.unwrap(), cancelled);
}

#[tokio::test]
async fn templates_that_cannot_be_filled_in_are_told() {
    let stage = Stage::new();
    for (action, expected) in [
        (blue_green().set("TaskDefinitionTemplatePath", "other.json"), "has no file `other.json`"),
        (blue_green().set("AppSpecTemplateArtifact", "Other"), "`Other` is no input artifact"),
        (blue_green().set("AppSpecTemplatePath", "taskdef.json"), "the appspec template has errors"),
        (blue_green().set("TaskDefinitionTemplatePath", "deploy/appspec.yaml"), "is no JSON once filled in"),
    ] {
        let work = stage.work(action.build(), APP).await;
        let error = failed(perform(&stage.to_ecs(), &work).await);
        assert_eq!(error.code, "ConfigurationError");
        assert!(error.message.contains(expected), "{}", error.message);
    }
    assert_eq!(stage.code_deploy.deployments().len(), 0);
}
