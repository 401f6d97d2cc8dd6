//! ECS: a service moves to a copy of its definition, or goes back.

use std::time::Duration;

use penstock_app::port::provider::{Ending, Observation, Provider};
use serde_json::{Value as Json, json};

use super::providers::{failed, running, succeeded};
use super::stage::{Stage, to_service};

pub(crate) const APP: &[(&str, &str)] =
    &[("imagedefinitions.json", r#"[{"name": "web", "imageUri": "web:new"}]"#)];

fn images(definition: &Json) -> Vec<&Json> {
    definition["containerDefinitions"].as_array().unwrap().iter().map(|it| &it["image"]).collect()
}

#[tokio::test]
async fn a_service_moves_to_a_copy_of_the_definition_that_it_uses() {
    let stage = Stage::new();
    let work = stage.work(to_service().build(), APP).await;
    let provider = stage.ecs();
    let external = running(&provider, &work, false).await;
    assert!(external.url.as_ref().unwrap().contains("/clusters/shop/services/web/"));
    assert_eq!(provider.observe(&work, &external).await.unwrap(), Observation::Running);

    let [old, new] = stage.ecs.definitions().try_into().unwrap();
    assert_eq!(images(&new), ["web:new", "side:old"]);
    let ours = json!({"key": "penstock:attempt", "value": work.attempt.token()});
    assert_eq!(new["tags"], json!([{"key": "team", "value": "shop"}, ours]));
    assert_eq!(new["containerDefinitions"][0]["environment"], old["containerDefinitions"][0]["environment"]);
    for kept in ["family", "networkMode", "cpu", "memory"] {
        assert_eq!(new[kept], old[kept]);
    }
    assert_eq!(stage.ecs.deployments()[0]["id"], external.id.as_str());

    stage.ecs.complete();
    let Observation::Ended(ending) = provider.observe(&work, &external).await.unwrap() else { panic!() };
    assert_eq!(succeeded(ending).external, Some(external));
}

#[tokio::test]
async fn a_deployment_that_the_circuit_breaker_ends_has_failed_with_its_reason() {
    let stage = Stage::new();
    let work = stage.work(to_service().build(), APP).await;
    let provider = stage.ecs();
    let external = running(&provider, &work, false).await;
    stage.ecs.break_circuit("tasks failed to start.", 3);
    let expected = ["failed to start", "Essential container in task exited; web exited with 3"];
    // At once, and after the service is steady with what it ran before.
    for _ in 0..2 {
        let Observation::Ended(ending) = provider.observe(&work, &external).await.unwrap() else { panic!() };
        let error = failed(ending);
        assert_eq!(error.code, "JobFailed");
        for part in expected {
            assert!(error.message.contains(part), "{part}: {}", error.message);
        }
        stage.ecs.complete();
    }
}

#[tokio::test]
async fn a_deployment_is_stopped_once_and_the_service_goes_back() {
    let stage = Stage::new();
    let work = stage.work(to_service().build(), APP).await;
    let provider = stage.ecs();
    assert_eq!(provider.cancel(&work, None).await.unwrap(), Observation::Gone);
    let external = running(&provider, &work, false).await;
    // Nobody recorded its id: the definition's tag tells.
    assert_eq!(provider.cancel(&work, None).await.unwrap(), Observation::Running);
    assert_eq!(provider.cancel(&work, Some(&external)).await.unwrap(), Observation::Running);
    assert_eq!(stage.ecs.service.count("StopServiceDeployment"), 1);
    stage.ecs.complete();
    let cancelled = Observation::Ended(Ending::Cancelled);
    assert_eq!(provider.cancel(&work, Some(&external)).await.unwrap(), cancelled);
}

#[tokio::test]
async fn what_has_completed_before_it_is_stopped_has_succeeded() {
    let stage = Stage::new();
    let work = stage.work(to_service().build(), APP).await;
    let provider = stage.ecs();
    let external = running(&provider, &work, false).await;
    stage.ecs.complete();
    let Observation::Ended(ending) = provider.cancel(&work, Some(&external)).await.unwrap() else { panic!() };
    succeeded(ending);
    assert_eq!(stage.ecs.service.count("StopServiceDeployment"), 0);
}

#[tokio::test]
async fn answers_that_are_lost_begin_no_second_deployment() {
    for operation in ["RegisterTaskDefinition", "UpdateService"] {
        // Once, so that the SDK repeats the call, and for good.
        for times in [1, 3] {
            let stage = Stage::new();
            let work = stage.work(to_service().build(), APP).await;
            let provider = stage.ecs();
            (0..times).for_each(|_| stage.ecs.service.lose_next_answer(operation));
            let first = provider.start(&work, false).await;
            assert_eq!(first.is_err(), times == 3, "{operation}: {first:?}");
            assert!(first.as_ref().err().is_none_or(|error| error.retryable), "{first:?}");
            let registered = stage.ecs.definitions().len();
            let external = running(&provider, &work, true).await;
            assert_eq!(stage.ecs.definitions().len(), registered, "{operation}");
            assert_eq!(stage.ecs.deployments().len(), 2, "{operation}");
            stage.ecs.complete();
            assert_eq!(running(&provider, &work, true).await.id, external.id);
            assert_eq!(stage.ecs.deployments().len(), 1, "{operation}");
        }
    }
}

#[tokio::test]
async fn a_deployment_that_takes_too_long_has_failed() {
    let stage = Stage::new();
    let work = stage.work(to_service().set("DeploymentTimeout", "1").build(), APP).await;
    let provider = stage.ecs();
    let external = running(&provider, &work, false).await;
    stage.clock.advance(Duration::from_secs(90));
    let Observation::Ended(ending) = provider.observe(&work, &external).await.unwrap() else { panic!() };
    let message = failed(ending).message;
    assert!(message.contains("has not completed within 1 minutes; ECS goes on with it"), "{message}");
}
