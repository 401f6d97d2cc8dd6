//! The use cases over fakes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod approvals;
mod clean_up;
mod control;
mod delivery;
mod dispatch;
mod notify;
mod query;
mod reconcile;
mod state_changes;
mod transition;

use penstock_model::id::{ActionName, AttemptId, ExecutionId, PipelineName, StageName};
use penstock_model::pipeline::Pipeline;
use penstock_testkit::build::{approval, build, deploy, name, pipeline, source};
use penstock_testkit::installation::Installation;

/// Source, Build, an approval, Deploy.
fn web() -> Pipeline {
    pipeline("web")
        .stage("Source", [source("Fetch", "src").namespace("Src")])
        .stage("Build", [build("Compile").consumes("src").produces("site")])
        .stage(
            "Release",
            [
                approval("Sign-off").set("CustomData", "Look at #{Src.CommitId}").expires_after(60),
                deploy("Ship").consumes("site").set("ApplicationName", "shop").order(2),
            ],
        )
        .build()
}

/// An installation with a pipeline.
async fn with(installation: Installation, pipeline: Pipeline) -> Installation {
    installation.control.create(pipeline, "alice").await.expect("creating the pipeline");
    installation
}

/// Starts an execution of `web` and lets it go as far as it goes.
async fn started(installation: &Installation) -> ExecutionId {
    let request = penstock_app::control::StartRequest::by(web_name(), "alice");
    let id = installation.control.start(request).await.expect("starting");
    installation.settle().await;
    id
}

fn web_name() -> PipelineName {
    name("web")
}

fn place(stage: &str, action: &str) -> (StageName, ActionName) {
    (name(stage), name(action))
}

fn attempt(execution: &ExecutionId, stage: &str, action: &str, number: u32) -> AttemptId {
    let (stage, action) = place(stage, action);
    AttemptId { execution: execution.clone(), stage, action, number }
}

/// `Source Succeeded, Build InProgress, ...`
async fn stages(installation: &Installation, execution: &ExecutionId) -> String {
    let view = installation.query.execution(&web_name(), Some(execution)).await.expect("the execution");
    let stages: Vec<String> =
        view.stages.iter().map(|stage| format!("{} {}", stage.name, stage.status)).collect();
    format!("{}: {}", view.status, stages.join(", "))
}
