//! `CodeDeploy`: deployments that succeed, fail, are stopped, and are created once.

use penstock_app::port::provider::{Ending, Observation, Provider};
use serde_json::{Value as Json, json};

use super::providers::{failed, running, succeeded};
use super::stage::{APPSPEC, Stage, to_servers};

const APP: &[(&str, &str)] = &[("appspec.yml", APPSPEC), ("index.html", "hello")];

#[tokio::test]
async fn a_deployment_is_created_and_observed_until_it_succeeds() {
    let stage = Stage::new();
    let work = stage.work(to_servers().build(), APP).await;
    let provider = stage.code_deploy();
    let external = running(&provider, &work, false).await;
    assert!(external.url.as_ref().is_some_and(|url| url.contains(&external.id)), "{external:?}");
    assert_eq!(provider.observe(&work, &external).await.unwrap(), Observation::Running);

    let [created] = stage.code_deploy.deployments().try_into().unwrap();
    let location = &created["revision"]["s3Location"];
    assert_eq!((&location["key"], &location["bundleType"]), (&json!(work.inputs[0].key), &json!("zip")));
    assert!(created["description"].as_str().unwrap().contains(&work.attempt.token()));

    stage.code_deploy.succeed(&external.id);
    let Observation::Ended(ending) = provider.observe(&work, &external).await.unwrap() else { panic!() };
    let done = succeeded(ending);
    assert_eq!(done.variables["DeploymentId"], external.id);
    assert!(done.summary.unwrap().ends_with("to 2 targets"));
    assert!(done.started_at.is_some());
}

fn failed_target(id: &str, event: &str, at: i64, tail: &str) -> Json {
    let diagnostics = json!({"errorCode": "ScriptFailed", "scriptName": "start.sh", "message": "exit code 3", "logTail": tail});
    json!({
        "deploymentTargetType": "InstanceTarget",
        "instanceTarget": {"targetId": id, "status": "Failed", "lifecycleEvents": [
            {"lifecycleEventName": "Install", "status": "Succeeded", "endTime": 1},
            {"lifecycleEventName": event, "status": "Failed", "endTime": at, "diagnostics": diagnostics},
        ]},
    })
}

#[tokio::test]
async fn a_failure_tells_the_first_target_that_failed_with_the_end_of_its_log() {
    let stage = Stage::new();
    let work = stage.work(to_servers().build(), APP).await;
    let provider = stage.code_deploy();
    let external = running(&provider, &work, false).await;
    let targets = [
        failed_target("i-2", "ApplicationStart", 20, "later"),
        failed_target("i-1", "AfterInstall", 10, "no space left"),
    ];
    stage.code_deploy.fail(&external.id, "too many individual instances failed", &targets);
    let Observation::Ended(ending) = provider.observe(&work, &external).await.unwrap() else { panic!() };
    let error = failed(ending);
    assert_eq!(error.code, "JobFailed");
    for part in [
        "HEALTH_CONSTRAINTS: too many individual instances failed",
        "AfterInstall on i-1 (ScriptFailed); script: start.sh; message: exit code 3\nno space left",
    ] {
        assert!(error.message.contains(part), "{part}: {}", error.message);
    }
}

#[tokio::test]
async fn a_failure_is_told_although_the_role_may_not_look_at_the_targets() {
    let stage = Stage::new();
    let work = stage.work(to_servers().build(), APP).await;
    let provider = stage.code_deploy();
    let external = running(&provider, &work, false).await;
    stage.code_deploy.fail(&external.id, "too many", &[]);
    let denied = penstock_tests::json_service::Refusal::new("AccessDeniedException", "not authorized");
    stage.code_deploy.service.refuse_next("ListDeploymentTargets", denied);
    let Observation::Ended(ending) = provider.observe(&work, &external).await.unwrap() else { panic!() };
    assert!(failed(ending).message.contains("too many"));
}

#[tokio::test]
async fn an_answer_that_is_lost_creates_no_second_deployment() {
    let stage = Stage::new();
    let provider = stage.code_deploy();
    // Others on the group, so that ours is to be found on a page behind.
    for _ in 0..4 {
        let other = stage.work(to_servers().build(), APP).await;
        let external = running(&provider, &other, false).await;
        stage.code_deploy.succeed(&external.id);
    }
    let work = stage.work(to_servers().build(), APP).await;
    stage.code_deploy.service.lose_next_answer("CreateDeployment");
    let lost = provider.start(&work, false).await.unwrap_err();
    assert!(lost.retryable, "{lost:?}");
    assert_eq!(stage.code_deploy.service.count("CreateDeployment"), 5, "the SDK repeats it");
    let found = running(&provider, &work, true).await;
    assert_eq!(found.id, "d-000000005");
    stage.code_deploy.succeed(&found.id);
    for _ in 0..4 {
        let other = stage.work(to_servers().build(), APP).await;
        let external = running(&provider, &other, false).await;
        stage.code_deploy.succeed(&external.id);
    }
    assert_eq!(running(&provider, &work, true).await.id, found.id);
    assert_eq!(stage.code_deploy.deployments().len(), 9);
}

#[tokio::test]
async fn an_appspec_for_functions_is_all_of_the_revision() {
    let stage = Stage::new();
    let appspec = "version: 0.0\nResources:\n  - check:\n      Type: AWS::Lambda::Function\n      Properties:\n        Name: check\n        Alias: live\n        CurrentVersion: \"1\"\n        TargetVersion: \"2\"\n";
    let to_function = to_servers().set("DeploymentGroupName", "function").build();
    let work = stage.work(to_function, &[("appspec.yml", appspec)]).await;
    let external = running(&stage.code_deploy(), &work, false).await;
    let [created] = stage.code_deploy.deployments().try_into().unwrap();
    assert_eq!(created["revision"]["appSpecContent"]["content"], appspec);
    let target = json!({
        "deploymentTargetType": "LambdaTarget",
        "lambdaTarget": {"targetId": "check:live", "status": "Failed", "lifecycleEvents": [
            {"lifecycleEventName": "BeforeAllowTraffic", "status": "Failed", "endTime": 1},
        ]},
    });
    stage.code_deploy.fail(&external.id, "a hook failed", &[target]);
    let seen = stage.code_deploy().observe(&work, &external).await.unwrap();
    let Observation::Ended(ending) = seen else { panic!("{seen:?}") };
    assert!(failed(ending).message.ends_with("\nBeforeAllowTraffic on check:live"));
}

#[tokio::test]
async fn a_claim_taken_over_before_anything_was_created_creates_it() {
    let stage = Stage::new();
    let work = stage.work(to_servers().build(), APP).await;
    running(&stage.code_deploy(), &work, true).await;
    assert_eq!(stage.code_deploy.deployments().len(), 1);
}

#[tokio::test]
async fn a_deployment_is_stopped_and_goes_back() {
    let stage = Stage::new();
    let work = stage.work(to_servers().build(), APP).await;
    let provider = stage.code_deploy();
    let external = running(&provider, &work, false).await;
    // Nobody recorded its id: its description tells.
    assert_eq!(provider.cancel(&work, None).await.unwrap(), Observation::Running);
    let requests = stage.code_deploy.service.requests();
    let stop = requests.iter().find(|request| request.operation == "StopDeployment").unwrap();
    assert_eq!(stop.body, json!({"deploymentId": external.id, "autoRollbackEnabled": true}));
    stage.code_deploy.halt(&external.id, "stopped");
    let cancelled = Observation::Ended(Ending::Cancelled);
    assert_eq!(provider.cancel(&work, Some(&external)).await.unwrap(), cancelled);
}

#[tokio::test]
async fn a_second_deployment_is_stopped_and_nothing_goes_back() {
    let stage = Stage::new();
    let work = stage.work(to_servers().build(), APP).await;
    let provider = stage.code_deploy();
    // A group has one at a time: what counts has ended before.
    let counted = running(&provider, &work, false).await;
    stage.code_deploy.succeed(&counted.id);
    let spare = running(&provider, &work, false).await;
    provider.discard(&work, &spare).await.unwrap();
    let requests = stage.code_deploy.service.requests();
    let stops: Vec<_> = requests.iter().filter(|request| request.operation == "StopDeployment").collect();
    let [stop] = &stops[..] else { panic!("one stop, not {}", stops.len()) };
    assert_eq!(stop.body, json!({"deploymentId": spare.id, "autoRollbackEnabled": false}));
    stage.code_deploy.halt(&spare.id, "stopped");
    provider.discard(&work, &spare).await.unwrap();
    assert_eq!(stage.code_deploy.service.count("StopDeployment"), 1, "it has ended");
}

#[tokio::test]
async fn what_has_ended_before_it_is_stopped_keeps_its_end() {
    let stage = Stage::new();
    let provider = stage.code_deploy();
    let work = stage.work(to_servers().build(), APP).await;
    assert_eq!(provider.cancel(&work, None).await.unwrap(), Observation::Gone);
    let external = running(&provider, &work, false).await;
    stage.code_deploy.succeed(&external.id);
    let Observation::Ended(ending) = provider.cancel(&work, Some(&external)).await.unwrap() else { panic!() };
    succeeded(ending);
    stage.code_deploy.forget(&external.id);
    assert_eq!(provider.observe(&work, &external).await.unwrap(), Observation::Gone);
    assert_eq!(provider.cancel(&work, Some(&external)).await.unwrap(), Observation::Gone);
}

#[tokio::test]
async fn a_deployment_that_somebody_else_stopped_has_failed() {
    let stage = Stage::new();
    let work = stage.work(to_servers().build(), APP).await;
    let external = running(&stage.code_deploy(), &work, false).await;
    stage.code_deploy.halt(&external.id, "The deployment was stopped by ops");
    let found = stage.code_deploy().observe(&work, &external).await.unwrap();
    let Observation::Ended(ending) = found else { panic!("{found:?}") };
    assert!(failed(ending).message.ends_with("was stopped: The deployment was stopped by ops"));
}
