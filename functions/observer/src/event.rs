//! What an event is about: a provider's the ids by which its attempt may be known, a source's the object that was uploaded.

use penstock_model::pipeline::Category;
use penstock_model::trigger::ObjectCreated;
use serde::Deserialize;
use serde_json::Value;

/// What `CloudFormation` operations of ours that only prepare or end an attempt's work add to its token.
const SUFFIXES: [&str; 2] = ["-delete", "-cancel"];

/// An event of `EventBridge`, as far as it is looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct ProviderEvent {
    pub(crate) source: String,
    #[serde(rename = "detail-type")]
    pub(crate) detail_type: String,
    #[serde(default)]
    detail: Value,
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    /// A category of the actions that the service performs; it says which worker looks. No source is among them:
    /// a source ends as it begins, so that no event tells of one.
    pub(crate) category: Category,
    /// Ids by which the attempt may be known, the surest first.
    pub(crate) ids: Vec<String>,
}

/// What an upload's event says of it (S3 user guide, "`EventBridge` event message structure").
#[derive(Deserialize)]
struct Upload {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

/// The key is as it is: only the notifications that S3 sends elsewhere have it URL-encoded.
#[derive(Deserialize)]
struct Object {
    key: String,
    #[serde(default, rename = "version-id")]
    version: Option<String>,
    #[serde(default)]
    sequencer: Option<String>,
}

impl ProviderEvent {
    /// Whether it is a source's: an object was uploaded.
    pub(crate) fn is_upload(&self) -> bool {
        self.source == "aws.s3" && self.detail_type == "Object Created"
    }

    /// The object that was uploaded.
    pub(crate) fn object(&self) -> Result<ObjectCreated, serde_json::Error> {
        let Upload { bucket: Bucket { name: bucket }, object } = Upload::deserialize(&self.detail)?;
        // Versions that are made while versioning is suspended replace each other.
        let is_one = |version: &String| !version.is_empty() && version != "null";
        let version = object.version.filter(is_one);
        Ok(ObjectCreated { bucket, key: object.key, version, sequencer: object.sequencer })
    }

    /// `None` for a service that performs no actions, or an event without an id.
    pub(crate) fn subject(&self) -> Option<Subject> {
        let (category, ids) = match self.source.as_str() {
            "aws.codebuild" => (Category::Build, vec![self.text("build-id").map(build_id)]),
            "aws.codedeploy" | "aws.ecs" => (Category::Deploy, vec![self.text("deploymentId")]),
            "aws.cloudformation" => {
                let token = self.text("client-request-token").filter(|token| !token.is_empty());
                (Category::Deploy, vec![token.map(attempt_token), self.text("stack-id")])
            }
            _ => return None,
        };
        let ids: Vec<String> = ids.into_iter().flatten().map(str::to_owned).collect();
        (!ids.is_empty()).then_some(Subject { category, ids })
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.detail.get(key).and_then(Value::as_str)
    }
}

/// `project:uuid` of `arn:aws:codebuild:REGION:ACCOUNT:build/project:uuid`.
fn build_id(arn: &str) -> &str {
    arn.rsplit_once('/').map_or(arn, |(_, id)| id)
}

fn attempt_token(token: &str) -> &str {
    SUFFIXES.iter().find_map(|suffix| token.strip_suffix(suffix)).unwrap_or(token)
}

#[cfg(test)]
mod tests {
    use penstock_app::engine::debt::Debt;
    use penstock_app::port::queue::Message;
    use serde_json::json;

    use super::*;

    /// The examples of the services' documentation, cut to the members that tell them apart.
    const BUILD: &str = r#"{
        "version": "0", "id": "c030038d-8c4d-6141-9545-00ff7b7153EX",
        "detail-type": "CodeBuild Build State Change", "source": "aws.codebuild",
        "account": "123456789012", "time": "2017-09-01T16:14:28Z", "region": "us-west-2",
        "resources": ["arn:aws:codebuild:us-west-2:123456789012:build/my-sample-project:8745a7a9-c340-456a-9166-edf953571bEX"],
        "detail": {
            "build-status": "SUCCEEDED", "project-name": "my-sample-project",
            "build-id": "arn:aws:codebuild:us-west-2:123456789012:build/my-sample-project:8745a7a9-c340-456a-9166-edf953571bEX",
            "additional-information": {"build-complete": true, "initiator": "MyCodeBuildDemoUser"},
            "current-phase": "COMPLETED", "current-phase-context": "[]", "version": "1"
        }
    }"#;
    const DEPLOYMENT: &str = r#"{
        "account": "123456789012", "region": "us-east-1",
        "detail-type": "CodeDeploy Deployment State-change Notification", "source": "aws.codedeploy",
        "version": "0", "time": "2016-06-30T22:06:31Z", "id": "c071bfbf-83c4-49ca-a6ff-3df053957145",
        "resources": ["arn:aws:codedeploy:us-east-1:123456789012:application:myApplication"],
        "detail": {
            "instanceGroupId": "9fd2fbef-2157-40d8-91e7-6845af69e2d2", "region": "us-east-1",
            "application": "myApplication", "deploymentId": "d-123456789", "state": "SUCCESS",
            "deploymentGroup": "myDeploymentGroup"
        }
    }"#;
    const SERVICE: &str = r#"{
        "version": "0", "id": "ddca6449-b258-46c0-8653-e0e3aEXAMPLE",
        "detail-type": "ECS Deployment State Change", "source": "aws.ecs",
        "account": "111122223333", "time": "2020-05-23T12:31:14Z", "region": "us-west-2",
        "resources": ["arn:aws:ecs:us-west-2:111122223333:service/default/servicetest"],
        "detail": {
            "eventType": "INFO", "eventName": "SERVICE_DEPLOYMENT_COMPLETED",
            "deploymentId": "ecs-svc/123", "updatedAt": "2020-05-23T11:11:11Z",
            "reason": "ECS deployment deploymentID completed."
        }
    }"#;
    const STACK: &str = r#"{
        "version": "0", "source": "aws.cloudformation", "account": "111122223333",
        "id": "12345678-1234-1234-1234-111122223333", "region": "us-west-2",
        "detail-type": "CloudFormation Stack Status Change", "time": "2022-03-29T15:02:43Z",
        "resources": ["arn:aws:cloudformation:us-west-1:111122223333:stack/teststack"],
        "detail": {
            "stack-id": "arn:aws:cloudformation:us-west-1:111122223333:stack/teststack/5a3b",
            "status-details": {"status": "CREATE_COMPLETE", "status-reason": ""},
            "client-request-token": "TOKEN"
        }
    }"#;
    /// S3 user guide, "`EventBridge` event message structure", "Object created".
    const UPLOAD: &str = r#"{
        "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created", "source": "aws.s3",
        "account": "111122223333", "time": "2021-11-12T00:00:00Z", "region": "ca-central-1",
        "resources": ["arn:aws:s3:::amzn-s3-demo-bucket1"],
        "detail": {
            "version": "0", "bucket": {"name": "amzn-s3-demo-bucket1"},
            "object": {
                "key": "example-key", "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184",
                "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e", "sequencer": "617f08299329d189"
            },
            "request-id": "N4N7GDK58NMKJ12R", "requester": "123456789012", "source-ip-address": "1.2.3.4",
            "reason": "PutObject"
        }
    }"#;
    const ARN: &str = "arn:aws:cloudformation:us-west-1:111122223333:stack/teststack/5a3b";

    fn object(detail: &Value) -> Result<ObjectCreated, serde_json::Error> {
        let mut event: Value = serde_json::from_str(UPLOAD).unwrap();
        event["detail"] = detail.clone();
        let event: ProviderEvent = serde_json::from_value(event).unwrap();
        assert!(event.is_upload());
        event.object()
    }

    #[test]
    fn an_upload_names_the_object_and_its_version() {
        let event: Value = serde_json::from_str(UPLOAD).unwrap();
        let found = object(&event["detail"]).unwrap();
        assert_eq!((found.bucket.as_str(), found.key.as_str()), ("amzn-s3-demo-bucket1", "example-key"));
        assert_eq!(found.version.as_deref(), Some("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"));
        assert_eq!(found.sequencer.as_deref(), Some("617f08299329d189"));
        for key in ["a b+c%20d.zip", "\u{1b}[2J\n\0.zip", "größe/水.zip", ""] {
            let mut detail = event["detail"].clone();
            detail["object"]["key"] = key.into();
            assert_eq!(object(&detail).unwrap().key, key, "as it is");
        }
        for version in [Value::Null, "null".into(), "".into()] {
            let mut detail = event["detail"].clone();
            detail["object"]["version-id"] = version;
            assert_eq!(object(&detail).unwrap().version, None);
        }
    }

    #[test]
    fn what_is_no_upload_is_refused() {
        for detail in [
            Value::Null,
            json!({}),
            json!({"bucket": {"name": "b"}}),
            json!({"bucket": "b", "object": {"key": "k"}}),
            json!({"bucket": {"name": "b"}, "object": {"key": 7}}),
            json!({"bucket": {"name": "b"}, "object": {"key": "k", "version-id": 7}}),
        ] {
            assert!(object(&detail).is_err(), "{detail}");
        }
    }

    fn subject(event: &str) -> Option<Subject> {
        serde_json::from_str::<ProviderEvent>(event).unwrap().subject()
    }

    #[test]
    fn each_service_names_its_work() {
        for (event, category, id) in [
            (BUILD, Category::Build, "my-sample-project:8745a7a9-c340-456a-9166-edf953571bEX"),
            (DEPLOYMENT, Category::Deploy, "d-123456789"),
            (SERVICE, Category::Deploy, "ecs-svc/123"),
        ] {
            assert_eq!(subject(event), Some(Subject { category, ids: vec![id.to_owned()] }), "{event}");
        }
    }

    #[test]
    fn a_stacks_attempt_is_known_by_its_token_before_the_stack() {
        let ours = "p-0123456789abcdef0123456789abcdef01234567";
        for token in [ours.to_owned(), format!("{ours}-delete"), format!("{ours}-cancel")] {
            let found = subject(&STACK.replace("TOKEN", &token)).unwrap();
            assert_eq!(found.ids, [ours, ARN], "{token}");
            assert_eq!(found.category, Category::Deploy);
        }
        // Begun by hand, on a stack that may be ours.
        let by_hand = subject(&STACK.replace("TOKEN", "Console-UpdateStack-1a2b")).unwrap();
        assert_eq!(by_hand.ids, ["Console-UpdateStack-1a2b", ARN]);
        assert_eq!(subject(&STACK.replace("TOKEN", "")).unwrap().ids, [ARN]);
        let without = STACK.replace("client-request-token", "other");
        assert_eq!(subject(&without).unwrap().ids, [ARN]);
    }

    #[test]
    fn no_attempt_of_a_source_is_looked_at() {
        for event in [BUILD, DEPLOYMENT, SERVICE, STACK] {
            assert_ne!(subject(event).unwrap().category, Category::Source, "{event}");
            assert!(!serde_json::from_str::<ProviderEvent>(event).unwrap().is_upload(), "{event}");
        }
        assert_eq!(subject(UPLOAD), None);
        assert_eq!(subject(r#"{"source": "aws.ecs", "detail-type": "ECS Task State Change"}"#), None);
    }

    #[test]
    fn a_hint_is_the_message_that_the_workers_read() {
        let attempt = "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Deploy/Ship/1".parse().unwrap();
        let hint = super::super::handler::hint("web".parse().unwrap(), Category::Build, attempt);
        let text = serde_json::to_value(&hint).unwrap();
        assert_eq!((&text["type"], &text["category"]), (&"debt".into(), &"Build".into()));
        let read: Message = serde_json::from_value(text).unwrap();
        assert!(matches!(read, Message::Debt { debt: Debt::Observe { .. }, .. }), "{read:?}");
    }

    #[test]
    fn an_upload_is_the_same_delivery_however_often_it_is_told() {
        let delivery = |event: &Value| {
            let event: ProviderEvent = serde_json::from_value(event.clone()).unwrap();
            super::super::handler::delivery(&event)
        };
        let event: Value = serde_json::from_str(UPLOAD).unwrap();
        let sent = delivery(&event).unwrap();
        let mut again = event.clone();
        again["id"] = "2ee9cc15-d022-99ea-1fb8-1b1bac4850f9".into();
        assert_eq!(delivery(&again).unwrap(), sent);
        let text = serde_json::to_value(&sent).unwrap();
        assert_eq!(text["type"], "delivery");
        assert_eq!(text["event"]["objectCreated"]["key"], "example-key", "{text}");
        assert_eq!(serde_json::from_value::<Message>(text).unwrap(), sent);
        for lost in ["version-id", "sequencer"] {
            again["detail"]["object"].as_object_mut().unwrap().remove(lost);
        }
        assert!(delivery(&again).is_err(), "it could be any");
    }
}
