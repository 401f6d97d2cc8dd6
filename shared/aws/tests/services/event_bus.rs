//! State changes on a bus, as a rule for `CodePipeline`'s events sees them.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, Target};
use aws_sdk_sqs::Client as Sqs;
use penstock_app::port::state_changes::{ChangeOf, StateChange, StateChanges};
use penstock_aws::event_bus::EventBus;
use penstock_model::time::Timestamp;
use penstock_testkit::build::name;
use serde_json::{Value, json};

use crate::connector::every_fault;
use crate::{faults, fresh};

const ACCOUNT: &str = "000000000000";

/// A bus with a rule that sends what it matches to a queue.
struct Bus {
    name: String,
    sqs: Sqs,
    queue: String,
}

impl Bus {
    async fn new(pattern: Value) -> Self {
        let sdk = faults().sdk();
        let (events, sqs, name) = (Client::new(sdk.config()), Sqs::new(sdk.config()), fresh("bus"));
        events.create_event_bus().name(&name).send().await.unwrap();
        let queue_name = fresh("changes");
        let queue = sqs.create_queue().queue_name(&queue_name).send().await.unwrap().queue_url.unwrap();
        let rule = events.put_rule().name("changes").event_bus_name(&name);
        rule.event_pattern(pattern.to_string()).send().await.unwrap();
        let target =
            Target::builder().id("queue").arn(format!("arn:aws:sqs:us-east-1:{ACCOUNT}:{queue_name}"));
        let targets = events.put_targets().rule("changes").event_bus_name(&name);
        targets.targets(target.build().unwrap()).send().await.unwrap();
        Self { name, sqs, queue }
    }

    async fn take(&self) -> Vec<Value> {
        let mut all = vec![];
        loop {
            let receive = self.sqs.receive_message().queue_url(&self.queue).max_number_of_messages(10);
            let received = receive.send().await.unwrap();
            if received.messages().is_empty() {
                return all;
            }
            for message in received.messages() {
                all.push(serde_json::from_str(message.body().unwrap()).unwrap());
                let handle = message.receipt_handle().unwrap();
                self.sqs.delete_message().queue_url(&self.queue).receipt_handle(handle).send().await.unwrap();
            }
        }
    }
}

fn change(of: ChangeOf, state: &str) -> StateChange {
    let detail = json!({"pipeline": "web", "execution-id": "2b1f", "state": state, "version": 3});
    let Value::Object(detail) = detail else { panic!("an object") };
    StateChange { of, pipeline: name("web"), at: Timestamp(1_700_000_000_000), detail }
}

#[tokio::test]
async fn a_rule_for_codepipeline_needs_one_word_changed() {
    // The user guide's example with the source changed.
    let bus = Bus::new(json!({
        "source": ["penstock"],
        "detail-type": ["CodePipeline Action Execution State Change"],
        "detail": {"state": ["FAILED"]},
    }))
    .await;
    let changes = EventBus::new(&faults().sdk(), &bus.name, ACCOUNT);
    let all = [
        change(ChangeOf::Execution, "FAILED"),
        change(ChangeOf::Stage, "FAILED"),
        change(ChangeOf::Action, "FAILED"),
        change(ChangeOf::Action, "SUCCEEDED"),
    ];
    changes.send(&all).await.unwrap();
    let [event] = &bus.take().await[..] else { panic!("one event matches") };
    assert_eq!(event["resources"], json!([format!("arn:aws:codepipeline:us-east-1:{ACCOUNT}:web")]));
    assert_eq!(event["detail"]["region"], "us-east-1", "of the installation, where an action has none");
    assert_eq!((&event["detail"]["pipeline"], &event["detail"]["version"]), (&json!("web"), &json!(3)));
}

#[tokio::test]
async fn more_than_a_call_takes_arrives_whole_whatever_fails() {
    let faults = faults();
    let bus = Bus::new(json!({"source": ["penstock"]})).await;
    let changes = EventBus::new(&faults.sdk(), &bus.name, ACCOUNT);
    let all: Vec<StateChange> =
        (0..23).map(|number| change(ChangeOf::Action, &format!("STATE-{number}"))).collect();
    every_fault(&faults, async |case| {
        faults.until_done(async || changes.send(&all).await).await;
        let mut states: Vec<String> =
            bus.take().await.iter().map(|event| event["detail"]["state"].to_string()).collect();
        states.sort_unstable();
        states.dedup();
        assert_eq!(states.len(), all.len(), "{case}");
    })
    .await;
}

#[tokio::test]
async fn what_the_bus_refuses_is_an_error() {
    let wrong = EventBus::new(&faults().sdk(), format!("arn:aws:events:us-east-1:{ACCOUNT}:rule/x"), ACCOUNT);
    let error = wrong.send(&[change(ChangeOf::Stage, "FAILED")]).await.unwrap_err();
    assert!(error.message.contains("rule/x"), "{error}");
    assert!(wrong.send(&[]).await.is_ok(), "nothing to send is no call");
}

/// Why the events have a source of our own.
#[tokio::test]
async fn the_source_of_aws_is_refused() {
    let entry = PutEventsRequestEntry::builder().source("aws.codepipeline").detail_type("x").detail("{}");
    let put = Client::new(faults().sdk().config()).put_events().entries(entry.build()).send().await.unwrap();
    assert_eq!(put.failed_entry_count(), 1);
    assert_eq!(put.entries()[0].error_code(), Some("NotAuthorizedForSourceException"));
}
