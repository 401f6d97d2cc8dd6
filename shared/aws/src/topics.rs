//! People and programs are told over SNS: e-mail is text, a text message the subject, everything else gets JSON.
//!
//! On the stack's topics and on approvers' own the JSON is the notice itself with its `status`; on the topic that an
//! approval action names (`NotificationArn`) it is `CodePipeline`'s (user guide, "JSON data format for manual approval
//! notifications"). Message attributes for filter policies: `type`, `pipeline`, `stage`, `status`.

use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use penstock_app::notify::Message;
use penstock_app::port::PortError;
use penstock_app::port::notifier::{Audience, Notice, NoticeKind, Notifier};
use serde_json::{Value, json};

use crate::error::port_error;
use crate::sdk::Sdk;

/// Tells people over SNS.
#[derive(Debug, Clone)]
pub struct Topics {
    sdk: Sdk,
    client: Client,
    approvals: String,
    failures: String,
}

impl Topics {
    /// Approvals that everybody may see go to the topic `approvals`, failures to the topic `failures`.
    pub fn new(sdk: &Sdk, approvals: impl Into<String>, failures: impl Into<String>) -> Self {
        Self { sdk: sdk.clone(), client: client(sdk), approvals: approvals.into(), failures: failures.into() }
    }

    fn topic<'a>(&'a self, notice: &'a Notice) -> &'a str {
        match (&notice.to, notice.kind) {
            (Audience::Everyone, NoticeKind::ApprovalNeeded) => &self.approvals,
            (Audience::Everyone, NoticeKind::ExecutionFailed) => &self.failures,
            (Audience::Approver { topic_arn, .. } | Audience::Topic { topic_arn, .. }, _) => topic_arn,
        }
    }

    /// A topic that an action names may be in another region.
    fn client_for(&self, region: &str) -> Client {
        if region == self.sdk.region() {
            return self.client.clone();
        }
        client(&self.sdk.acting_as(None, Some(region)))
    }

    fn for_programs(&self, notice: &Notice) -> Result<Value, PortError> {
        match &notice.to {
            Audience::Everyone | Audience::Approver { .. } => {
                let mut value = serde_json::to_value(notice)
                    .map_err(|error| PortError::permanent(format!("encode a notice: {error}")))?;
                value["status"] = json!(status(notice.kind));
                Ok(value)
            }
            Audience::Topic { api_token, .. } => Ok(as_codepipeline(notice, api_token, self.sdk.region())),
        }
    }

    /// What each protocol's subscribers get (SNS API reference, Publish, `MessageStructure`). Programs share the
    /// default: the message with all its forms may have 256 KB.
    fn message(&self, notice: &Notice, told: &Message) -> Result<Value, PortError> {
        let for_programs = self.for_programs(notice)?.to_string();
        Ok(json!({"default": for_programs, "email": told.body, "sms": told.subject}))
    }
}

#[async_trait]
impl Notifier for Topics {
    async fn tell(&self, notice: &Notice) -> Result<(), PortError> {
        let topic = self.topic(notice);
        let region = region_of(topic).ok_or_else(|| {
            PortError::permanent(format!(
                "publish to the topic `{}`: it is no ARN of a topic, such as arn:aws:sns:eu-west-1:111122223333:name; correct it",
                topic.escape_debug()
            ))
        })?;
        let told = Message::of(notice);
        let mut publish = self
            .client_for(region)
            .publish()
            .topic_arn(topic)
            .message_structure("json")
            .message(self.message(notice, &told)?.to_string())
            .subject(told.subject);
        for (name, value) in attributes(notice) {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            let value = value.map_err(|error| PortError::permanent(format!("make a message: {error}")))?;
            publish = publish.message_attributes(name, value);
        }
        let published = publish.send().await;
        published.map(drop).map_err(|error| port_error(&format!("publish to the topic {topic}"), &error))
    }
}

fn client(sdk: &Sdk) -> Client {
    let config = aws_sdk_sns::config::Builder::from(sdk.config()).interceptor(sdk.interceptor());
    Client::from_conf(config.build())
}

/// `arn:partition:sns:region:account:name`
fn region_of(topic: &str) -> Option<&str> {
    let parts: Vec<&str> = topic.split(':').collect();
    match parts[..] {
        ["arn", _, "sns", region, _, name] if !region.is_empty() && !name.is_empty() => Some(region),
        _ => None,
    }
}

fn attributes(notice: &Notice) -> [(&'static str, String); 4] {
    let kind = match notice.kind {
        NoticeKind::ExecutionFailed => "execution-failed",
        NoticeKind::ApprovalNeeded => "approval-needed",
    };
    [
        ("type", kind.to_owned()),
        ("pipeline", notice.pipeline.to_string()),
        ("stage", notice.stage.to_string()),
        ("status", status(notice.kind).to_owned()),
    ]
}

fn status(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::ExecutionFailed => "Failed",
        NoticeKind::ApprovalNeeded => "Waiting",
    }
}

fn as_codepipeline(notice: &Notice, token: &str, region: &str) -> Value {
    let asked = notice.approval.as_ref();
    // To the minute, as `2016-07-07T20:22Z`.
    let expires = asked.and_then(|asked| asked.expires.get(..16)).map(|minute| format!("{minute}Z"));
    json!({
        "region": region,
        "consoleLink": notice.link,
        "approval": {
            "pipelineName": notice.pipeline,
            "stageName": notice.stage,
            "actionName": notice.action,
            "token": token,
            "expires": expires,
            "externalEntityLink": asked.and_then(|asked| asked.external_entity_link.as_deref()),
            "approvalReviewLink": notice.link,
            "customData": asked.and_then(|asked| asked.custom_data.as_deref()),
        }
    })
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region, SdkConfig};

    use super::*;

    #[test]
    fn a_topic_says_its_region() {
        assert_eq!(region_of("arn:aws:sns:eu-west-1:111122223333:jo"), Some("eu-west-1"));
        assert_eq!(region_of("arn:aws-cn:sns:cn-north-1:111122223333:jo"), Some("cn-north-1"));
        for other in ["", "jo", "arn:aws:sqs:eu-west-1:111122223333:jo", "arn:aws:sns:eu-west-1:1:jo:sub"] {
            assert_eq!(region_of(other), None, "{other}");
        }
    }

    /// As large as `app` makes one: twenty lines of four hundred characters each, for the reason and for the log.
    fn largest(line: &str) -> Notice {
        let (short, address): (String, String) =
            (line.chars().take(300).collect(), "https://penstock.example/".repeat(40));
        let commit = json!({"id": short, "source": "a".repeat(100), "summary": short, "author": short, "url": address});
        let json = json!({
            "type": "execution-failed", "pipeline": "p".repeat(100), "stage": "s".repeat(100),
            "action": "a".repeat(100), "executionId": "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607",
            "summary": vec![line; 20].join("\n"), "link": "https://penstock.example/".repeat(20),
            "time": "2023-11-14T22:13:20.000Z", "trigger": line, "log": vec![line; 20], "command": line,
            "commit": commit, "moreCommits": vec![&commit; 10],
            "alsoFailed": vec![json!({"action": "a".repeat(100), "errorCode": "JobFailed", "summary": short}); 10],
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn the_largest_notice_is_one_that_sns_takes() {
        let config = SdkConfig::builder().behavior_version(BehaviorVersion::v2026_01_12());
        let sdk = Sdk::from_config(config.region(Region::from_static("eu-west-1")).build());
        let topics = Topics::new(&sdk, "arn:aws:sns:eu-west-1:1:a", "arn:aws:sns:eu-west-1:1:f");
        for character in ["\u{1f4a7}", "\"", "\\"] {
            let notice = largest(&character.repeat(400));
            let message = topics.message(&notice, &Message::of(&notice)).unwrap().to_string();
            assert!(message.len() < 256 * 1024, "{} bytes of {character}", message.len());
        }
    }
}
