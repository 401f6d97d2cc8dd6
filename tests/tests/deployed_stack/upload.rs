//! An object is uploaded: the pipeline that follows it starts.

use std::time::SystemTime;

use aws_sdk_eventbridge::types::Target;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_s3::types::{
    BucketVersioningStatus, EventBridgeConfiguration, NotificationConfiguration, VersioningConfiguration,
};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value as Json, json};

use crate::client::Client;
use crate::pipelines::{Pipeline, kind};
use crate::roles::role;
use crate::stack::{NAME, Stack, UPLOADS, beside_others, until};
use crate::witness::milliseconds;

const KEY: &str = "web/site 1+2.zip";

#[tokio::test]
async fn an_upload_starts_the_pipeline_that_follows_the_object_and_only_once() {
    let _turn = beside_others().await;
    let client = Client::new();
    let stack = client.stack;
    let bucket = Bucket::new(stack).await;
    let role = role(stack, "uploaded", &rights()).await;
    for (name, polls) in [("uploaded", "true"), ("uploaded-by-hand", "false")] {
        let source = json!({
            "name": "Fetch", "actionTypeId": kind("Source", "AWS", "S3"), "roleArn": role,
            "configuration": {"S3Bucket": UPLOADS, "S3ObjectKey": KEY, "PollForSourceChanges": polls},
            "outputArtifacts": [{"name": "App"}],
        });
        Pipeline::of(stack, name, &source).approval().create(&client).await;
    }

    let since = SystemTime::now();
    bucket.put("web/other.zip", "other").await;
    let version = bucket.put(KEY, "first").await;
    // EventBridge delivers at least once and in any order. The emulator tells of no versions, AWS does.
    let event = bucket.event(KEY).await;
    assert_eq!(event["source"], "aws.s3", "{event}");
    let of = |version: &str| {
        let mut event = event.clone();
        event["detail"]["object"]["version-id"] = json!(version);
        event
    };
    unversioned(stack, since).await;
    observe(stack, &of(&version)).await;
    until("the execution of the upload", async || {
        (client.executions("uploaded").await.len() == 1).then_some(())
    })
    .await;
    client.until_action("uploaded", "Ask", "InProgress").await;
    let execution = client.executions("uploaded").await.remove(0);
    assert_eq!(execution["trigger"]["triggerType"], "CloudWatchEvent", "{execution}");
    let detail = execution["trigger"]["triggerDetail"].as_str().unwrap();
    assert!(detail.starts_with(&format!("upload of `{KEY}` in the bucket `{UPLOADS}`")), "{detail}");
    let revision = &execution["sourceRevisions"][0];
    assert_eq!((&revision["actionName"], &revision["revisionId"]), (&json!("Fetch"), &json!(version)));

    bucket.tell_nobody().await;
    let (older, newer) = (bucket.put(KEY, "second").await, bucket.put(KEY, "third").await);
    for event in [&of(&version), &of(&newer), &event, &of(&newer), &of(&older)] {
        observe(stack, event).await;
    }
    // Messages about one object are taken in their order: once the last of them has started something, all are taken.
    let late = until("the execution of the late event", async || {
        let executions = client.executions("uploaded").await;
        let is_it = |it: &&Json| it["trigger"]["triggerDetail"].as_str().unwrap().contains(&older);
        executions.iter().find(is_it)?["pipelineExecutionId"].as_str().map(str::to_owned)
    })
    .await;
    assert_eq!(client.executions("uploaded").await.len(), 3, "each upload once");
    let fetched = until("what the late event's execution carries", async || {
        let actions = client.actions("uploaded", &late).await;
        let fetch = actions.iter().find(|it| it["actionName"] == "Fetch" && it["status"] == "Succeeded")?;
        Some(fetch["output"]["outputVariables"]["VersionId"].clone())
    })
    .await;
    assert_eq!(fetched, json!(newer), "what is newest, and nothing older after it");
    assert_eq!(client.executions("uploaded-by-hand").await, [] as [Json; 0]);
}

/// Waits until `transition` has said why an upload without a version starts nothing: the event came by the stack's own rule.
async fn unversioned(stack: &Stack, since: SystemTime) {
    let logs = aws_sdk_cloudwatchlogs::Client::new(&stack.sdk());
    until("the refusal of the upload without a version", async || {
        let lines = logs.filter_log_events().log_group_name(format!("/penstock/{NAME}/transition"));
        let lines = lines.start_time(milliseconds(since)).filter_pattern("\"versioning\"").send();
        let told = lines.await.unwrap().events().to_vec();
        let is_it = |line: &str| line.contains(KEY) && line.contains("turn on versioning");
        told.iter().any(|line| line.message().is_some_and(is_it)).then_some(())
    })
    .await;
}

/// What the source may read.
fn rights() -> Json {
    json!([{
        "Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion"],
        "Resource": format!("arn:aws:s3:::{UPLOADS}/*"),
    }])
}

/// Gives an event to the observer, as EventBridge does, and waits until it has been taken.
async fn observe(stack: &Stack, event: &Json) {
    let lambda = aws_sdk_lambda::Client::new(&stack.sdk());
    let invoke = lambda.invoke().function_name(stack.resource("ObserverFunction"));
    let answer = invoke.payload(Blob::new(event.to_string())).send().await.unwrap();
    assert_eq!(answer.function_error(), None, "{:?}", answer.payload());
}

/// The bucket, and a queue behind a rule that keeps what it tells.
struct Bucket {
    s3: aws_sdk_s3::Client,
    sqs: aws_sdk_sqs::Client,
    queue: String,
}

impl Bucket {
    async fn new(stack: &Stack) -> Self {
        let s3 = aws_sdk_s3::Client::from_conf(
            aws_sdk_s3::config::Builder::from(&stack.sdk()).force_path_style(true).build(),
        );
        s3.create_bucket().bucket(UPLOADS).send().await.unwrap();
        let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        s3.put_bucket_versioning().bucket(UPLOADS).versioning_configuration(enabled).send().await.unwrap();
        let bucket = Self { s3, sqs: aws_sdk_sqs::Client::new(&stack.sdk()), queue: listener(stack).await };
        let all = EventBridgeConfiguration::builder().build();
        bucket.tell(NotificationConfiguration::builder().event_bridge_configuration(all).build()).await;
        bucket
    }

    async fn tell(&self, told: NotificationConfiguration) {
        let put = self.s3.put_bucket_notification_configuration().bucket(UPLOADS);
        put.notification_configuration(told).send().await.unwrap();
    }

    async fn tell_nobody(&self) {
        self.tell(NotificationConfiguration::builder().build()).await;
    }

    /// Uploads an object; its version.
    async fn put(&self, key: &str, content: &str) -> String {
        let put = self.s3.put_object().bucket(UPLOADS).key(key);
        let put = put.body(content.as_bytes().to_vec().into()).send().await.unwrap();
        put.version_id.unwrap()
    }

    /// The event of the upload of `key`.
    async fn event(&self, key: &str) -> Json {
        until("the event of the upload", async || {
            let receive = self.sqs.receive_message().queue_url(&self.queue).max_number_of_messages(10);
            let messages = receive.visibility_timeout(2).send().await.unwrap().messages.unwrap_or_default();
            let events = messages.iter().map(|it| serde_json::from_str::<Json>(it.body().unwrap()).unwrap());
            events.into_iter().find(|event| event["detail"]["object"]["key"] == key)
        })
        .await
    }
}

async fn listener(stack: &Stack) -> String {
    let (sqs, events) =
        (aws_sdk_sqs::Client::new(&stack.sdk()), aws_sdk_eventbridge::Client::new(&stack.sdk()));
    let arn = "arn:aws:sqs:us-east-1:000000000000:told-of-uploads";
    let statement = json!({
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
    });
    let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    let create =
        sqs.create_queue().queue_name("told-of-uploads").attributes(QueueAttributeName::Policy, policy);
    let queue = create.send().await.unwrap().queue_url.unwrap();
    let pattern = json!({"source": ["aws.s3"], "detail": {"bucket": {"name": [UPLOADS]}}}).to_string();
    events.put_rule().name("told-of-uploads").event_pattern(pattern).send().await.unwrap();
    let target = Target::builder().id("queue").arn(arn).build().unwrap();
    events.put_targets().rule("told-of-uploads").targets(target).send().await.unwrap();
    queue
}
