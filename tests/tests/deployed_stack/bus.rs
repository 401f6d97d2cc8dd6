//! What other systems are told: a queue behind a rule of the account's own bus.

use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value as Json, json};

use crate::stack::{Stack, until};

/// The state changes of one pipeline.
pub(crate) struct Bus {
    sqs: aws_sdk_sqs::Client,
    queue: String,
}

impl Bus {
    pub(crate) async fn about(stack: &Stack, pipeline: &str) -> Self {
        let (sqs, events) =
            (aws_sdk_sqs::Client::new(&stack.sdk()), aws_sdk_eventbridge::Client::new(&stack.sdk()));
        let name = format!("changes-of-{pipeline}");
        let arn = format!("arn:aws:sqs:us-east-1:000000000000:{name}");
        let statement = json!({
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
        });
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        let create = sqs.create_queue().queue_name(&name).attributes(QueueAttributeName::Policy, policy);
        let queue = create.send().await.unwrap().queue_url.unwrap();
        let pattern = json!({"source": ["penstock"], "detail": {"pipeline": [pipeline]}}).to_string();
        events.put_rule().name(&name).event_pattern(pattern).send().await.unwrap();
        let target = Target::builder().id("queue").arn(arn).build().unwrap();
        events.put_targets().rule(&name).targets(target).send().await.unwrap();
        Self { sqs, queue }
    }

    /// Waits until somebody is told that the execution has come to this state.
    pub(crate) async fn until_execution(&self, execution: &str, state: &str) {
        until(&format!("the event that {execution} is {state}"), async || {
            let receive = self.sqs.receive_message().queue_url(&self.queue).max_number_of_messages(10);
            let messages = receive.visibility_timeout(2).send().await.unwrap().messages.unwrap_or_default();
            let events = messages.iter().map(|it| serde_json::from_str::<Json>(it.body().unwrap()).unwrap());
            let is_it = |event: Json| {
                event["detail-type"] == "CodePipeline Pipeline Execution State Change"
                    && event["detail"]["execution-id"] == execution
                    && event["detail"]["state"] == state
            };
            events.into_iter().any(is_it).then_some(())
        })
        .await;
    }
}
