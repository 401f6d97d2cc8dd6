//! The rules' patterns against events as the services' documentation shows them (`events.json`): what has ended
//! and what was uploaded is passed to the observer, by one rule, and what goes on is not. Sources: `CodeBuild` user guide, "Build notifications input format
//! reference"; `CodeDeploy` user guide, "Monitoring deployments with Amazon `CloudWatch` Events"; `CloudFormation` user guide,
//! "Event detail reference" and "Stack status codes"; ECS developer guide, "Service deployment state change events"; S3 user
//! guide, "`EventBridge` event message structure".

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::document::{Template, root};

/// An event of a rule, and the values of one of its members.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    event: Value,
    at: String,
    passed: Vec<String>,
    #[serde(rename = "not passed")]
    not_passed: Vec<String>,
}

impl Sample {
    fn with(&self, value: &str) -> Value {
        let mut event = self.event.clone();
        *event.pointer_mut(&self.at).unwrap() = json!(value);
        event
    }
}

/// What the stack is given as `SourceBuckets`.
const SOURCE_BUCKETS: [&str; 2] = ["amzn-s3-demo-bucket1", "amzn-s3-demo-bucket2"];

/// Whether an event has what a pattern asks for: in each member named one of the values (`EventBridge` user guide, "Creating
/// event patterns"; the rules of the template use nothing else).
fn matches(pattern: &Value, event: &Value) -> bool {
    match pattern {
        Value::Object(members) if members.contains_key("Ref") => {
            assert_eq!(members["Ref"], "SourceBuckets", "this test knows no such parameter");
            matches(&json!(SOURCE_BUCKETS), event)
        }
        Value::Object(members) => members.iter().all(|(name, pattern)| matches(pattern, &event[name])),
        Value::Array(values) => {
            assert!(values.iter().all(Value::is_string), "this test knows no such pattern: {pattern}");
            values.contains(event)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => panic!("no pattern: {pattern}"),
    }
}

#[test]
fn each_rule_passes_on_what_concerns_us_and_nothing_else() {
    let template = Template::load();
    let text = std::fs::read_to_string(root().join("tests/tests/template/events.json")).unwrap();
    let samples: BTreeMap<String, Sample> = serde_json::from_str(&text).unwrap();
    let rules = template.of_type("AWS::Events::Rule");
    let named: BTreeSet<&str> = rules.iter().map(|rule| rule.name).collect();
    assert_eq!(named, samples.keys().map(String::as_str).collect());
    for (name, sample) in &samples {
        let passing = |event: &Value| -> Vec<&str> {
            let passing = rules.iter().filter(|rule| matches(rule.property("EventPattern"), event));
            passing.map(|rule| rule.name).collect()
        };
        for value in &sample.passed {
            assert_eq!(passing(&sample.with(value)), [name], "{value}");
        }
        for value in &sample.not_passed {
            assert_eq!(passing(&sample.with(value)), [""; 0], "{name}: {value}");
        }
        for member in ["source", "detail-type"] {
            let mut elsewhere = sample.event.clone();
            elsewhere[member] = json!("other");
            assert_eq!(passing(&elsewhere), [""; 0], "{name}: {member}");
        }
    }
}
