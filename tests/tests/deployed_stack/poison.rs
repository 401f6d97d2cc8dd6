//! A message that nobody can carry out holds up no other and ends in quarantine.

use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName};
use serde_json::json;

use crate::client::Client;
use crate::lambda::invoke;
use crate::pipelines::Pipeline;
use crate::push::Delivery;
use crate::stack::{alone, until};

#[tokio::test]
async fn a_poisoned_message_holds_up_no_other() {
    let _turn = alone().await;
    let client = Client::new();
    let stack = client.stack;
    Pipeline::new(stack, "healthy").approval().create(&client).await;
    let sqs = Sqs::new(&stack.sdk());
    // Five deliveries an hour apart would be among the dead letters after a day.
    let actions = stack.resource("ActionQueue");
    let visibility = sqs.set_queue_attributes().queue_url(actions);
    visibility.attributes(QueueAttributeName::VisibilityTimeout, "1").send().await.unwrap();
    // What a newer release wrote waits for the update in the queue of commands (see below); among what is owed it dies as all
    // else.
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

    bury(&sqs, stack.resource("ActionDeadLetters"), 4).await;
    let dynamo = aws_sdk_dynamodb::Client::new(&stack.sdk());
    let scanned = dynamo.scan().table_name(stack.output("TableName")).send().await.unwrap();
    let aside = scanned.items().iter().filter(|item| {
        item.get("pk").is_some_and(|key| key.as_s().is_ok_and(|key| key.starts_with("QUARANTINE")))
    });
    assert_eq!(aside.count(), 4, "what cannot be read is kept with the reason");
    let answer = client.operate("ListPipelineExecutions", &json!({"pipelineName": "healthy"})).await;
    assert_eq!(answer["pipelineExecutionSummaries"].as_array().unwrap().len(), 1);
}

/// After a roll-back a message of the newer release holds up those behind it for an hour. It is older here than it can
/// be made in a queue, so the function is told so.
#[tokio::test]
async fn a_message_of_a_newer_release_does_not_hold_up_others_for_ever() {
    let _turn = alone().await;
    let client = Client::new();
    let stack = client.stack;
    Pipeline::new(stack, "rolled-back").approval().create(&client).await;
    let sqs = Sqs::new(&stack.sdk());
    let newer = r#"{"schema":99,"type":"unheard"}"#;
    let message = |age: i64| {
        let sent = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        let sent = i64::try_from(sent).unwrap() - age;
        json!({
            "messageId": format!("{age}"), "receiptHandle": "1", "body": newer, "messageAttributes": {},
            "attributes": {
                "ApproximateReceiveCount": "20", "SentTimestamp": sent.to_string(),
                "MessageGroupId": "rolled-back", "MessageDeduplicationId": "newer",
            },
            "eventSource": "aws:sqs",
        })
    };
    let failures = invoke(stack, "TransitionFunction", &json!({"Records": [message(60_000)]})).await["batchItemFailures"].clone();
    assert_eq!(failures, json!([{"itemIdentifier": "60000"}]), "an update is waited for");
    let failures =
        invoke(stack, "TransitionFunction", &json!({"Records": [message(7_200_000)]})).await["batchItemFailures"].clone();
    assert_eq!(failures, json!([]), "those behind it go on");
    let dead = stack.resource("CommandDeadLetters");
    bury(&sqs, dead, 1).await;

    // A redrive brings it, as it lay there: this time nobody waits.
    let waited = MessageAttributeValue::builder().data_type("String").string_value("true").build().unwrap();
    let again = sqs.send_message().queue_url(stack.resource("CommandQueue")).message_body(newer);
    let again = again.message_group_id("rolled-back").message_deduplication_id("moved");
    again.message_attributes(penstock_aws::queue::WAITED, waited).send().await.unwrap();
    stack.git_hub.push("acme/rolled-back", "Change it", &[("a", "b")]);
    let execution = client.operate("StartPipelineExecution", &json!({"name": "rolled-back"})).await;
    client.approve("rolled-back").await;
    let ended = client.until_execution("rolled-back", "Succeeded").await;
    assert_eq!(execution["pipelineExecutionId"], ended);
    bury(&sqs, dead, 1).await;
}

/// Waits until so many messages lie in the queue, and clears it.
async fn bury(sqs: &Sqs, queue: &str, expected: usize) {
    until(&format!("{expected} dead letters in {queue}"), async || {
        let depth = sqs.get_queue_attributes().queue_url(queue);
        let depth =
            depth.attribute_names(QueueAttributeName::ApproximateNumberOfMessages).send().await.unwrap();
        let depth = depth.attributes?.remove(&QueueAttributeName::ApproximateNumberOfMessages)?;
        (depth == expected.to_string()).then_some(())
    })
    .await;
    sqs.purge_queue().queue_url(queue).send().await.unwrap();
}
