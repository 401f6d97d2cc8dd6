//! Queues, event sources and their times: nothing is lost unseen.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::document::{Resource, Template, list, referred};

/// For as long a stream keeps records (DynamoDB developer guide, "Change data capture for DynamoDB Streams").
const DAY: i64 = 24 * 3600;
const FOURTEEN_DAYS: i64 = 14 * 24 * 3600;

#[test]
fn a_message_stays_hidden_for_six_timeouts() {
    let template = Template::load();
    let mut fed = BTreeSet::new();
    for (name, function) in template.functions() {
        for source in sources(function, "SQS") {
            let queue = template.resource(referred(&source["Queue"]).unwrap());
            let hidden = queue.property("VisibilityTimeout").as_i64().unwrap();
            let timeout = function.property("Timeout").as_i64().unwrap();
            assert!(hidden >= 6 * timeout, "{name}: {} hides for {hidden} s", queue.name);
            assert_eq!(source["BatchSize"], 1, "{name}");
            assert_eq!(source["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]), "{name}");
            assert!(source["FilterCriteria"].is_null(), "{name}: what a filter leaves is deleted for good");
            fed.insert(queue.name.to_owned());
        }
    }
    let queues = ["ActionQueue", "ArtifactQueue", "CommandQueue", "NotificationQueue"];
    assert_eq!(fed, queues.map(str::to_owned).into());
}

#[test]
fn a_queue_has_dead_letters_or_holds_them_and_keeps_its_messages() {
    let template = Template::load();
    let queues = template.of_type("AWS::SQS::Queue");
    for queue in &queues {
        assert_eq!(queue.property("MessageRetentionPeriod"), FOURTEEN_DAYS, "{}", queue.name);
        assert_eq!(queue.property("SqsManagedSseEnabled"), true, "{}", queue.name);
        if queue.name.ends_with("DeadLetters") {
            assert!(queue.property("RedrivePolicy").is_null(), "{}", queue.name);
            continue;
        }
        let redrive = queue.property("RedrivePolicy");
        let dead = template.resource(referred(&redrive["deadLetterTargetArn"]).unwrap());
        assert!(redrive["maxReceiveCount"].as_i64().unwrap() >= 5, "{}", queue.name);
        assert_eq!(dead.property("FifoQueue"), queue.property("FifoQueue"), "{}", queue.name);
    }
}

#[test]
fn a_queue_has_an_alarm() {
    let template = Template::load();
    for queue in template.of_type("AWS::SQS::Queue") {
        let metric = if queue.name.ends_with("DeadLetters") {
            "ApproximateNumberOfMessagesVisible"
        } else {
            "ApproximateAgeOfOldestMessage"
        };
        assert!(has_alarm(&template, metric, &["QueueName"], queue.name), "{} has no alarm", queue.name);
    }
}

#[test]
fn what_fails_throttles_or_sticks_raises_an_alarm() {
    let template = Template::load();
    for function in template.functions().values() {
        assert!(
            has_alarm(&template, "Errors", &["FunctionName"], function.name),
            "{} has no alarm",
            function.name
        );
    }
    let alarms = template.of_type("AWS::CloudWatch::Alarm");
    let named = |metric: &str| alarms.iter().any(|alarm| alarm.property("MetricName") == metric);
    assert!(named("Throttles"));
    // What a function hands back, or answers with 5xx, is no error to Lambda.
    assert!(has_alarm(&template, "Failures", &["Stack"], "AWS::StackName"));
    assert!(has_alarm(&template, "5xx", &["ApiId"], "HttpApi"));
    assert!(has_alarm(&template, "OldestDebtAge", &["Stack"], "AWS::StackName"));
    for alarm in &alarms {
        assert_eq!(list(alarm.property("AlarmActions")).len(), 1, "{} tells nobody", alarm.name);
    }
}

#[test]
fn what_a_rule_a_schedule_or_the_stream_cannot_deliver_is_kept() {
    let template = Template::load();
    let rules = template.of_type("AWS::Events::Rule");
    assert!(rules.len() >= 4);
    for rule in rules {
        for target in list(rule.property("Targets")) {
            assert_eq!(
                referred(&target["DeadLetterConfig"]["Arn"]),
                Some("EventDeadLetters"),
                "{}",
                rule.name
            );
            assert!(target["RetryPolicy"].is_object(), "{}", rule.name);
        }
        let permitted = template
            .of_type("AWS::Lambda::Permission")
            .into_iter()
            .any(|permission| referred(permission.property("SourceArn")) == Some(rule.name));
        assert!(permitted, "{} may not call its target", rule.name);
    }
    let target = template.resource("SweepSchedule").property("Target");
    assert_eq!(referred(&target["DeadLetterConfig"]["Arn"]), Some("ScheduleDeadLetters"));
    let functions = template.functions();
    let stream = sources(functions["notification"], "DynamoDB")[0];
    assert_eq!(referred(&stream["DestinationConfig"]["OnFailure"]["Destination"]), Some("RecordDeadLetters"));
    assert_eq!(stream["BisectBatchOnFunctionError"], true);
    // The function puts aside what cannot be told; while it fails as a whole, the stream holds what it can. Of a record that
    // is trimmed after a day nobody would hear.
    assert_eq!(
        (&stream["MaximumRetryAttempts"], &stream["MaximumRecordAgeInSeconds"]),
        (&json!(-1), &json!(DAY - 3600))
    );
    assert!(has_alarm(&template, "IteratorAge", &["FunctionName"], functions["notification"].name));
    let pattern = stream["FilterCriteria"]["Filters"][0]["Pattern"].as_str().unwrap();
    let pattern: Value = serde_json::from_str(pattern).unwrap();
    assert_eq!(pattern["dynamodb"]["Keys"]["sk"]["S"], json!([{"prefix": "RECORD#"}]));
}

#[test]
fn an_answer_comes_before_the_http_api_gives_up() {
    let template = Template::load();
    for (name, function) in template.functions() {
        let timeout = function.property("Timeout").as_i64().unwrap();
        let most = match name.as_str() {
            // GitHub waits ten seconds for an answer, an HTTP API thirty.
            "webhook" => 10,
            "api" | "approval" => 29,
            // The next sweep comes after a minute.
            "sweeper" => 59,
            _ => 900,
        };
        assert!(timeout <= most, "{name} may take {timeout} s");
    }
}

fn sources<'a>(function: Resource<'a>, kind: &str) -> Vec<&'a Value> {
    let events = function.property("Events").as_object();
    let sources = events.into_iter().flat_map(|events| events.values());
    sources.filter(|source| source["Type"] == kind).map(|source| &source["Properties"]).collect()
}

fn has_alarm(template: &Template, metric: &str, dimension: &[&str], of: &str) -> bool {
    template.of_type("AWS::CloudWatch::Alarm").into_iter().any(|alarm| {
        let dimensions = list(alarm.property("Dimensions"));
        alarm.property("MetricName") == metric
            && dimensions.iter().any(|it| {
                dimension.contains(&it["Name"].as_str().unwrap()) && referred(&it["Value"]) == Some(of)
            })
    })
}
