//! A stop reaches the build.

use serde_json::json;

use crate::client::Client;
use crate::pipelines::Pipeline;
use crate::push::Delivery;
use crate::stack::{beside_others, until};

const BUILDSPEC: &str = "version: 0.2\nphases:\n  build:\n    commands:\n      - sleep 3600\n";

#[tokio::test]
async fn a_stop_cancels_the_build() {
    let _turn = beside_others().await;
    let client = Client::new();
    let stack = client.stack;
    Pipeline::new(stack, "stopped").build(stack).create(&client).await;
    let delivery =
        Delivery::of_push(&client, "stopped-1", "acme/stopped", &[("buildspec.yml", BUILDSPEC)]).await;
    delivery.send(&client).await;
    let builds = || stack.code_build.builds("penstock-stopped");
    until("the build", async || (builds().len() == 1).then_some(())).await;
    client.until_action("stopped", "Compile", "InProgress").await;

    let execution = client.executions("stopped").await[0]["pipelineExecutionId"].clone();
    let stop = json!({
        "pipelineName": "stopped", "pipelineExecutionId": execution, "abandon": true, "reason": "it hangs",
    });
    client.operate("StopPipelineExecution", &stop).await;
    client.until_execution("stopped", "Stopped").await;
    until("the build to be stopped", async || (builds()[0]["buildStatus"] == "STOPPED").then_some(())).await;
}
