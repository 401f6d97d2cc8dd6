//! Notices on topics: what subscribers of each kind get, by what they can filter, whatever fails.

use std::sync::Arc;

use aws_sdk_sns::Client as Sns;
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::types::QueueAttributeName;
use penstock_app::port::notifier::{Audience, Notice, NoticeKind, NoticedApproval, NoticedCommit, Notifier};
use penstock_aws::sdk::Sdk;
use penstock_aws::topics::Topics;
use penstock_testkit::build::name;
use penstock_testkit::contract::notifier_contract;
use serde_json::{Value, json};

use crate::connector::every_fault;
use crate::{faults, fresh};

/// A topic and a queue that is subscribed to it.
struct Topic {
    arn: String,
    sqs: Sqs,
    queue: String,
}

impl Topic {
    async fn new(filter: Option<Value>) -> Self {
        let sdk = faults().sdk();
        let (sns, sqs) = (Sns::new(sdk.config()), Sqs::new(sdk.config()));
        let arn = sns.create_topic().name(fresh("topic")).send().await.unwrap().topic_arn.unwrap();
        let queue = sqs.create_queue().queue_name(fresh("told")).send().await.unwrap().queue_url.unwrap();
        let about = sqs.get_queue_attributes().queue_url(&queue);
        let about = about.attribute_names(QueueAttributeName::QueueArn).send().await.unwrap();
        let endpoint = about.attributes.unwrap()[&QueueAttributeName::QueueArn].clone();
        // Without it SNS may not send there.
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": endpoint, "Condition": {"ArnEquals": {"aws:SourceArn": arn}},
        }]});
        let set = sqs.set_queue_attributes().queue_url(&queue);
        set.attributes(QueueAttributeName::Policy, policy.to_string()).send().await.unwrap();
        let mut subscribe = sns.subscribe().topic_arn(&arn).protocol("sqs").endpoint(endpoint);
        if let Some(filter) = filter {
            subscribe = subscribe.attributes("FilterPolicy", filter.to_string());
        }
        subscribe.send().await.unwrap();
        Self { arn, sqs, queue }
    }

    /// What came, as SNS wraps it.
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

fn topics(sdk: &Sdk, approvals: &Topic, failures: &Topic) -> Topics {
    Topics::new(sdk, &approvals.arn, &failures.arn)
}

fn notice(kind: NoticeKind, pipeline: &str) -> Notice {
    Notice {
        kind,
        pipeline: name(pipeline),
        execution_id: name("2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607"),
        stage: name("Release"),
        action: name("Ship"),
        summary: "npm test: exit code 1".to_owned(),
        link: Some("https://penstock.example/approvals/a.b".to_owned()),
        page: None,
        time: "2023-11-14T22:13:20.000Z".to_owned(),
        error_code: None,
        trigger: "webhook: push to main".to_owned(),
        commit: None,
        more_commits: vec![],
        also_failed: vec![],
        log: vec![],
        command: "penstock retry web --stage Release".to_owned(),
        approval: None,
        to: Audience::Everyone,
    }
}

#[tokio::test]
async fn contract() {
    notifier_contract(async || {
        let topic = Topic::new(None).await;
        let notifier = topics(&faults().sdk(), &topic, &topic);
        let told = async move || {
            let told = topic.take().await;
            told.iter().map(|it| serde_json::from_str(it["Message"].as_str().unwrap()).unwrap()).collect()
        };
        (Arc::new(notifier) as Arc<dyn Notifier>, told)
    })
    .await;
}

#[tokio::test]
async fn a_failure_reaches_those_who_filter_for_it() {
    let (approvals, sdk) = (Topic::new(None).await, faults().sdk());
    for (filter, expected) in [
        (json!({"pipeline": ["web"], "status": ["Failed"]}), 1),
        (json!({"type": ["execution-failed"], "stage": ["Release"]}), 1),
        (json!({"pipeline": ["shop"]}), 0),
        (json!({"status": ["Waiting"]}), 0),
    ] {
        let failures = Topic::new(Some(filter.clone())).await;
        let told = notice(NoticeKind::ExecutionFailed, "web");
        topics(&sdk, &approvals, &failures).tell(&told).await.unwrap();
        assert_eq!(failures.take().await.len(), expected, "{filter}");
    }
    assert_eq!(approvals.take().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_program_gets_the_notice_and_a_person_a_subject_that_sns_takes() {
    let (approvals, failures) = (Topic::new(None).await, Topic::new(None).await);
    let mut told = notice(NoticeKind::ExecutionFailed, "web");
    told.summary = format!("\u{1b}[31mfällt\r\naus\u{7} \u{202e}{}", "sehr lang ".repeat(50));
    told.commit = Some(NoticedCommit {
        id: "c0ffee00".to_owned(),
        summary: Some("Brew ✗".to_owned()),
        ..NoticedCommit::default()
    });
    topics(&faults().sdk(), &approvals, &failures).tell(&told).await.unwrap();
    let [message] = &failures.take().await[..] else { panic!("one message") };
    let subject = message["Subject"].as_str().unwrap();
    assert!(subject.starts_with("[web] failed in Release/Ship: f?llt"), "{subject}");
    assert!(subject.len() < 100 && subject.chars().all(|c| c == ' ' || c.is_ascii_graphic()), "{subject}");
    let body: Value = serde_json::from_str(message["Message"].as_str().unwrap()).unwrap();
    assert_eq!((&body["type"], &body["status"]), (&json!("execution-failed"), &json!("Failed")));
    assert_eq!(body["commit"]["summary"], "Brew ✗");
    assert_eq!(body["command"], "penstock retry web --stage Release");
    for (attribute, value) in
        [("type", "execution-failed"), ("pipeline", "web"), ("stage", "Release"), ("status", "Failed")]
    {
        assert_eq!(message["MessageAttributes"][attribute], json!({"Type": "String", "Value": value}));
    }
}

#[tokio::test]
async fn an_approvers_link_goes_to_their_topic_only() {
    let (everyone, jo, team) = (Topic::new(None).await, Topic::new(None).await, Topic::new(None).await);
    let topics = topics(&faults().sdk(), &everyone, &everyone);
    let mut asked = notice(NoticeKind::ApprovalNeeded, "web");
    asked.approval = Some(NoticedApproval {
        custom_data: Some("Is it good?".to_owned()),
        expires: "2023-11-21T22:13:20.000Z".to_owned(),
        ..NoticedApproval::default()
    });
    asked.to = Audience::Approver { name: name("Jo"), topic_arn: jo.arn.clone() };
    topics.tell(&asked).await.unwrap();
    let [message] = &jo.take().await[..] else { panic!("one message") };
    assert_eq!(message["Subject"], "[web] approve Release/Ship?");
    let body: Value = serde_json::from_str(message["Message"].as_str().unwrap()).unwrap();
    assert_eq!((&body["status"], &body["link"]), (&json!("Waiting"), &json!(asked.link)));
    assert_eq!(body.get("to"), None, "who is asked is not part of the message");

    // Whoever reads CodePipeline's messages reads these (user guide, "JSON data format for manual approval").
    asked.to = Audience::Topic { topic_arn: team.arn.clone(), api_token: "1a2b".to_owned() };
    topics.tell(&asked).await.unwrap();
    let [message] = &team.take().await[..] else { panic!("one message") };
    let body: Value = serde_json::from_str(message["Message"].as_str().unwrap()).unwrap();
    let approval = &body["approval"];
    assert_eq!((&body["region"], &approval["token"]), (&json!("us-east-1"), &json!("1a2b")));
    assert_eq!(approval["expires"], "2023-11-21T22:13Z");
    assert_eq!(approval["customData"], "Is it good?");
    assert_eq!(everyone.take().await, Vec::<Value>::new());
}

#[tokio::test]
async fn whatever_fails_a_notice_is_told() {
    let faults = faults();
    let topic = Topic::new(None).await;
    let topics = topics(&faults.sdk(), &topic, &topic);
    every_fault(&faults, async |case| {
        let mut told = notice(NoticeKind::ExecutionFailed, "web");
        told.summary.clone_from(&case);
        faults.until_done(async || topics.tell(&told).await).await;
        let told = topic.take().await;
        assert!(!told.is_empty(), "{case}");
        for message in &told {
            assert_eq!(message["Message"], told[0]["Message"], "{case}: told again it is the same");
        }
    })
    .await;
}

#[tokio::test]
async fn a_topic_that_cannot_be_told_is_named_and_not_tried_for_ever() {
    let topic = Topic::new(None).await;
    let topics = topics(&faults().sdk(), &topic, &topic);
    for arn in ["arn:aws:sns:us-east-1:000000000000:gone", "arn:aws:sqs:us-east-1:000000000000:q", "team"] {
        let to = Audience::Topic { topic_arn: arn.to_owned(), api_token: "1a2b".to_owned() };
        let told = Notice { to, ..notice(NoticeKind::ApprovalNeeded, "web") };
        let error = topics.tell(&told).await.unwrap_err();
        assert!(!error.retryable && error.message.contains(arn), "{error}");
    }
}
