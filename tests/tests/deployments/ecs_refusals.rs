//! ECS: what ends an attempt before the service is touched, with the way out.

use penstock_app::port::provider::Provider;
use penstock_tests::json_service::Refusal;

use super::ecs::APP;
use super::providers::{failed, perform, running};
use super::stage::{Stage, to_service};

#[tokio::test]
async fn what_cannot_be_deployed_is_told() {
    let stage = Stage::new();
    let wrong_container = [("imagedefinitions.json", r#"[{"name": "db", "imageUri": "x"}]"#)];
    for (action, files, expected) in [
        (to_service().set("ServiceName", "other"), APP, "has no active service `other`"),
        (to_service().set("ClusterName", "other"), APP, "the cluster other has no active service"),
        (to_service(), &wrong_container[..], "has no container `db`; it has web, side"),
        (to_service(), &[("other.json", "[]")][..], "has no file `imagedefinitions.json`"),
        (to_service().set("FileName", "other.json"), APP, "has no file `other.json`"),
    ] {
        let work = stage.work(action.build(), files).await;
        let error = failed(perform(&stage.ecs(), &work).await);
        assert_eq!(error.code, "ConfigurationError");
        assert!(error.message.contains(expected), "{}", error.message);
    }
    assert_eq!(stage.ecs.definitions().len(), 1);

    stage.ecs.set_controller("CODE_DEPLOY");
    let work = stage.work(to_service().build(), APP).await;
    let error = failed(perform(&stage.ecs(), &work).await);
    assert!(error.message.contains("use CodeDeployToECS for CODE_DEPLOY"), "{}", error.message);
}

#[tokio::test]
async fn a_right_that_goes_missing_leaves_the_attempt_to_its_deadline() {
    let stage = Stage::new();
    let work = stage.work(to_service().build(), APP).await;
    let external = running(&stage.ecs(), &work, false).await;
    let denied = Refusal::new("AccessDeniedException", "not authorized to perform: ecs:DescribeServices");
    stage.ecs.service.refuse_next("DescribeServices", denied.clone());
    let error = stage.ecs().observe(&work, &external).await.unwrap_err();
    assert!(error.retryable && error.message.contains("grant it to the action's role"), "{error:?}");
    // Nothing is known to have ended because one may not look.
    stage.ecs.service.refuse_next("DescribeServices", denied);
    let error = stage.ecs().cancel(&work, Some(&external)).await.unwrap_err();
    assert!(error.message.starts_with("describe the service web: AccessDenied"), "{error:?}");
}

#[tokio::test]
async fn a_fault_of_the_service_passes() {
    let stage = Stage::new();
    let work = stage.work(to_service().build(), APP).await;
    (0..3).for_each(|_| {
        stage.ecs.service.refuse_next("UpdateService", Refusal::new("ServerException", "try later"));
    });
    let error = stage.ecs().start(&work, false).await.unwrap_err();
    assert!(error.retryable, "{error:?}");
}

#[tokio::test]
async fn a_right_that_is_missing_is_named() {
    let stage = Stage::new();
    for operation in ["DescribeServices", "DescribeTaskDefinition", "RegisterTaskDefinition", "UpdateService"]
    {
        let denied = format!("not authorized to perform: ecs:{operation}");
        stage.ecs.service.refuse_next(operation, Refusal::new("AccessDeniedException", denied));
        let work = stage.work(to_service().build(), APP).await;
        let error = failed(perform(&stage.ecs(), &work).await);
        assert_eq!(error.code, "PermissionError", "{operation}");
        let expected = format!("ecs:{operation}; grant it to the action's role");
        assert!(error.message.ends_with(&expected), "{}", error.message);
    }
}
