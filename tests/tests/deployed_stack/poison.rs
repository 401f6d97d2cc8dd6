//! A message that nobody can carry out holds up no other and ends in quarantine.

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;

use crate::client::Client;
use crate::pipelines::Pipeline;
use crate::push::Delivery;
use crate::stack::{alone, until};

#[tokio::test]
async fn a_poisoned_message_holds_up_no_other() {
    let _turn = alone().await;
    let client = Client::new();
    let stack = client.stack;
    Pipeline::new(stack, "healthy").approval().create(&client).await;
    let sqs = aws_sdk_sqs::Client::new(&stack.sdk());
    // Five deliveries an hour apart would be among the dead letters after a day.
    let actions = stack.resource("ActionQueue");
    let visibility = sqs.set_queue_attributes().queue_url(actions);
    visibility.attributes(QueueAttributeName::VisibilityTimeout, "1").send().await.unwrap();
    // What a newer release wrote waits for the update in the queue of commands; among what is owed it dies as all else.
    let commands = [" ", "{", "[1]", "{\"type\":\"debt\"}"];
    let owed = [" ", "{", "{\"schema\":99}", "{\"type\":\"debt\"}"];
    for (number, body) in commands.into_iter().enumerate() {
        let command = sqs.send_message().queue_url(stack.resource("CommandQueue")).message_body(body);
        // In the pipeline's own group, before its own messages.
        let command =
            command.message_group_id("healthy").message_deduplication_id(format!("poison-{number}"));
        command.send().await.unwrap();
    }
    for body in owed {
        sqs.send_message().queue_url(actions).message_body(body).send().await.unwrap();
    }

    Delivery::of_push(&client, "healthy-1", "acme/healthy", &[("a", "b")]).await.send(&client).await;
    client.approve("healthy").await;
    client.until_execution("healthy", "Succeeded").await;

    let dead = stack.resource("ActionDeadLetters");
    until("four dead letters", async || {
        let depth = sqs.get_queue_attributes().queue_url(dead);
        let depth =
            depth.attribute_names(QueueAttributeName::ApproximateNumberOfMessages).send().await.unwrap();
        let depth = depth.attributes?.remove(&QueueAttributeName::ApproximateNumberOfMessages)?;
        (depth == "4").then_some(())
    })
    .await;
    sqs.purge_queue().queue_url(dead).send().await.unwrap();
    let dynamo = aws_sdk_dynamodb::Client::new(&stack.sdk());
    let scanned = dynamo.scan().table_name(stack.output("TableName")).send().await.unwrap();
    let aside = scanned.items().iter().filter(|item| {
        item.get("pk").is_some_and(|key| key.as_s().is_ok_and(|key| key.starts_with("QUARANTINE")))
    });
    assert_eq!(aside.count(), 4, "what cannot be read is kept with the reason");
    let answer = client.operate("ListPipelineExecutions", &json!({"pipelineName": "healthy"})).await;
    assert_eq!(answer["pipelineExecutionSummaries"].as_array().unwrap().len(), 1);
}
