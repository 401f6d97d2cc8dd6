//! `CodeDeploy`: what ends an attempt before a deployment is created, with the way out.

use penstock_app::port::provider::Work;
use penstock_tests::json_service::Refusal;

use super::providers::{failed, perform, running};
use super::stage::{APPSPEC, Stage, to_servers};

async fn refused(stage: &Stage, work: &Work) -> (String, String) {
    let error = failed(perform(&stage.code_deploy(), work).await);
    (error.code.into(), error.message)
}

#[tokio::test]
async fn a_revision_without_a_good_appspec_is_not_deployed() {
    let stage = Stage::new();
    for (files, expected) in [
        (vec![("index.html", "hello")], "has no appspec.yml at its top; add one"),
        (vec![("appspec.yml", "version: 1\n")], "appspec.yml has errors"),
        (vec![("appspec.yml", APPSPEC), ("appspec.yaml", "")], ""),
    ] {
        let work = stage.work(to_servers().build(), &files).await;
        if expected.is_empty() {
            running(&stage.code_deploy(), &work, false).await;
            continue;
        }
        let (code, message) = refused(&stage, &work).await;
        assert_eq!(code, "ConfigurationError");
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(stage.code_deploy.service.count("CreateDeployment"), 1);
}

#[tokio::test]
async fn what_the_service_refuses_ends_the_attempt() {
    let stage = Stage::new();
    let app = [("appspec.yml", APPSPEC)];
    let other = to_servers().set("ApplicationName", "other").build();
    let (code, message) = refused(&stage, &stage.work(other, &app).await).await;
    assert_eq!(code, "ConfigurationError");
    assert!(message.starts_with("failed to create the deployment: ApplicationDoesNotExist"), "{message}");

    let denied =
        Refusal::new("AccessDeniedException", "not authorized to perform codedeploy:CreateDeployment");
    stage.code_deploy.service.refuse_next("CreateDeployment", denied);
    let work = stage.work(to_servers().build(), &app).await;
    let (code, message) = refused(&stage, &work).await;
    assert_eq!(code, "PermissionError");
    assert!(message.ends_with("codedeploy:CreateDeployment; grant it to the action's role"), "{message}");

    running(&stage.code_deploy(), &work, false).await;
    let (code, message) = refused(&stage, &stage.work(to_servers().build(), &app).await).await;
    assert_eq!(code, "JobFailed");
    assert!(message.contains("already has an active Deployment"), "{message}");
    assert!(message.ends_with("retry the stage when that has ended"), "{message}");
}
