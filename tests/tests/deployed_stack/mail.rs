//! What people are sent: a queue that subscribes to the stack's topics for one pipeline.

use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value as Json, json};

use crate::stack::{Stack, until};

/// The messages about one pipeline.
pub(crate) struct Mail {
    sqs: aws_sdk_sqs::Client,
    queue: String,
}

impl Mail {
    /// On the topics of the stack.
    pub(crate) async fn about(stack: &Stack, pipeline: &str) -> Self {
        let topics = [stack.output("ApprovalTopicArn"), stack.output("FailureTopicArn")];
        Self::on(stack, &format!("mail-{pipeline}"), &topics, pipeline).await
    }

    /// On these topics.
    pub(crate) async fn on(stack: &Stack, queue: &str, topics: &[&str], pipeline: &str) -> Self {
        let (sqs, sns) = (aws_sdk_sqs::Client::new(&stack.sdk()), aws_sdk_sns::Client::new(&stack.sdk()));
        let arn = format!("arn:aws:sqs:us-east-1:000000000000:{queue}");
        let statement = json!({
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
        });
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        let create = sqs.create_queue().queue_name(queue).attributes(QueueAttributeName::Policy, policy);
        let queue = create.send().await.unwrap().queue_url.unwrap();
        for topic in topics {
            let filter = json!({"pipeline": [pipeline]}).to_string();
            let subscribe = sns.subscribe().topic_arn(*topic).protocol("sqs").endpoint(&arn);
            let subscribe =
                subscribe.set_attributes(Some(HashMap::from([("FilterPolicy".to_owned(), filter)])));
            subscribe.send().await.unwrap();
        }
        Self { sqs, queue }
    }

    /// Waits for the next message; what it says to programs.
    pub(crate) async fn next(&self) -> Json {
        until("a message", async || {
            let receive = self.sqs.receive_message().queue_url(&self.queue);
            let message = receive.send().await.unwrap().messages?.into_iter().next()?;
            let delete = self.sqs.delete_message().queue_url(&self.queue);
            delete.set_receipt_handle(message.receipt_handle).send().await.unwrap();
            let envelope: Json = serde_json::from_str(&message.body.unwrap()).unwrap();
            Some(serde_json::from_str(envelope["Message"].as_str().unwrap()).unwrap())
        })
        .await
    }
}
