//! What `CodeBuild` refuses, with the way out.

use penstock_app::engine::state::External;
use penstock_app::port::provider::{Observation, Provider};
use penstock_tests::code_build_stand_in::Refusal;

use super::providers::{failed, perform, running};
use super::stage::{Stage, greeting};

#[tokio::test]
async fn a_project_that_is_not_there_ends_the_attempt() {
    let stage = Stage::new("refused-project").await;
    for action in [greeting("world"), greeting("world").set("BatchEnabled", "true")] {
        let work = stage.work(action.set("ProjectName", "other").build()).await;
        // Who takes the claim over looks for a build of the project first.
        for taken_over in [false, true] {
            let begun = stage.code_build().start(&work, taken_over).await.unwrap();
            let penstock_app::port::provider::Begun::Ended(ending) = begun else { panic!("{begun:?}") };
            let error = failed(ending);
            assert_eq!(error.code, "ConfigurationError");
            assert!(error.message.contains("project/other; create the project"), "{error:?}");
        }
    }
    let work = stage.work(greeting("world").build()).await;
    let gone = External { id: "web:0".into(), url: None };
    assert_eq!(stage.code_build().observe(&work, &gone).await.unwrap(), Observation::Gone);
    assert_eq!(stage.code_build().cancel(&work, Some(&gone)).await.unwrap(), Observation::Gone);
}

#[tokio::test]
async fn a_right_that_is_missing_is_named() {
    let stage = Stage::new("refused-right").await;
    let denied = |operation: &str| {
        let message = format!("User is not authorized to perform: codebuild:{operation}");
        stage.place.stand_in.refuse_next(operation, Refusal::new("AccessDeniedException", message));
    };
    let work = stage.work(greeting("world").build()).await;
    denied("StartBuild");
    let error = failed(perform(&stage.code_build(), &work).await);
    assert_eq!(error.code, "PermissionError");
    assert!(error.message.ends_with("codebuild:StartBuild; grant it to the action's role"), "{error:?}");

    let external = running(&stage.code_build(), &work, false).await;
    denied("BatchGetBuilds");
    // That one may not look says nothing of the build, which runs.
    let error = stage.code_build().observe(&work, &external).await.unwrap_err();
    assert!(error.retryable && error.message.contains("codebuild:BatchGetBuilds; grant it"), "{error:?}");
    // That it has ended is not known because one may not stop it.
    denied("StopBuild");
    let error = stage.code_build().cancel(&work, Some(&external)).await.unwrap_err();
    assert!(!error.retryable && error.message.contains("codebuild:StopBuild"), "{error:?}");
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let stage = Stage::new("refused-passes").await;
    let work = stage.work(greeting("world").build()).await;
    let full = Refusal::new("AccountLimitExceededException", "Cannot have more than 60 builds in queue");
    stage.place.stand_in.refuse_next("StartBuild", full);
    let error = stage.code_build().start(&work, false).await.unwrap_err();
    assert!(error.retryable && error.message.contains("more than 60 builds"), "{error:?}");
    running(&stage.code_build(), &work, true).await;
}

#[tokio::test]
async fn a_project_without_a_role_for_batches_is_told() {
    let stage = Stage::new("refused-batch").await;
    let work = stage.work(greeting("world").set("BatchEnabled", "true").build()).await;
    let refusal = Refusal::new("InvalidInputException", "Project is not configured for batch builds");
    stage.place.stand_in.refuse_next("StartBuildBatch", refusal);
    let error = failed(perform(&stage.code_build(), &work).await);
    assert_eq!(error.code, "ConfigurationError");
    assert!(error.message.ends_with("a batch needs a batch service role in the project"), "{error:?}");
}
