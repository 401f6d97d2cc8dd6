//! A build that fails announces itself, and can be tried again.

use serde_json::json;

use crate::client::Client;
use crate::mail::Mail;
use crate::pipelines::Pipeline;
use crate::push::Delivery;
use crate::stack::{NAME, beside_others, until};

/// Fails until somebody makes the place that it looks for.
fn buildspec(place: &str) -> String {
    format!(
        "version: 0.2\nphases:\n  build:\n    commands:\n      - echo looking for the database\n      - test -e {place}\nartifacts:\n  files: ['buildspec.yml']\n"
    )
}

#[tokio::test]
async fn a_failing_build_announces_itself() {
    let _turn = beside_others().await;
    let client = Client::new();
    let stack = client.stack;
    let mail = Mail::about(stack, "failing").await;
    let place = stack.emulator.folder().join("database");
    Pipeline::new(stack, "failing").build(stack).create(&client).await;
    let buildspec = buildspec(place.to_str().unwrap());
    let delivery =
        Delivery::of_push(&client, "failing-1", "acme/failing", &[("buildspec.yml", &buildspec)]).await;
    delivery.send(&client).await;

    let message = mail.next().await;
    let execution = client.until_execution("failing", "Failed").await;
    assert_eq!(message["type"], "execution-failed", "{message}");
    assert_eq!(message["executionId"], execution.as_str(), "{message}");
    assert_eq!((&message["stage"], &message["action"]), (&json!("Build"), &json!("Compile")), "{message}");
    assert_eq!(message["commit"]["id"], delivery.sha, "{message}");
    assert!(message["summary"].as_str().unwrap().contains("exit"), "{message}");
    assert!(message["log"].to_string().contains("looking for the database"), "{message}");
    let retry = format!("penstock retry failing --stage Build --exec {execution} --stack {NAME}");
    assert_eq!(message["command"], retry);
    let page = format!("penstock proxy --stack {NAME}");
    assert_eq!(message["page"], json!({"command": page, "url": "http://127.0.0.1:7879/pipelines/failing"}));
    assert!(message["link"].as_str().unwrap().contains("/codebuild/"), "the build's page: {message}");
    let failed = client.until_action("failing", "Compile", "Failed").await;
    assert!(failed["errorDetails"]["message"].as_str().unwrap().contains("exit"), "{failed}");
    assert!(failed["externalExecutionUrl"].as_str().unwrap().contains("penstock-failing"), "{failed}");
    until("the commit's failure", async || {
        let mut statuses = stack.git_hub.statuses().into_iter();
        statuses.any(|it| it.sha == delivery.sha && it.body["state"] == "failure").then_some(())
    })
    .await;

    std::fs::write(place, "").unwrap();
    let retry = json!({
        "pipelineName": "failing", "stageName": "Build", "pipelineExecutionId": execution, "retryMode": "FAILED_ACTIONS",
    });
    client.operate("RetryStageExecution", &retry).await;
    let again = until("the execution to succeed", async || {
        let newest = client.executions("failing").await.remove(0);
        (newest["status"] == "Succeeded").then_some(newest)
    })
    .await;
    assert_eq!(again["pipelineExecutionId"], execution.as_str(), "the same execution went on");
}
