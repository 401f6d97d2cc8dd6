//! Batches of which SQS takes a part.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use penstock_app::engine::command::Request;
use penstock_app::engine::debt::Debt;
use penstock_app::port::PortError;
use penstock_app::port::queue::{Message, Queue};
use penstock_aws::queue::{QueueUrls, SqsQueue};
use penstock_aws::sdk::Sdk;
use penstock_testkit::build::{command, name};
use serde_json::{Value, json};

use crate::artifacts::fresh_attempt;

/// Answers what it is given in turn, and keeps the requests.
#[derive(Debug, Clone, Default)]
struct Script(Arc<Mutex<(Vec<Value>, Vec<Value>)>>);

impl HttpClient for Script {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut script = self.0.lock().unwrap();
        script.1.push(serde_json::from_slice(request.body().bytes().unwrap()).unwrap());
        let answer = script.0.remove(0).to_string();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from(answer))))
    }
}

/// Sends three commands to an SQS that answers so: the entries that failed, at each request, and whether each was the
/// sender's fault. Gives what came of it and the ids of the entries of each request.
async fn send(failures: &[&[(usize, bool)]]) -> (Result<(), PortError>, Vec<Vec<String>>) {
    let answers = failures.iter().map(|failed| {
        let failed = failed.iter().map(|(id, sender)| {
            json!({"Id": id.to_string(), "SenderFault": sender, "Code": "Refused", "Message": "a reason"})
        });
        json!({"Successful": [], "Failed": failed.collect::<Vec<_>>()})
    });
    let script = Script(Arc::new(Mutex::new((answers.collect(), vec![]))));
    let commands = ["one", "two", "three"].map(|id| command(id, &name("web"), Request::WakeUp));
    let messages = commands.map(|command| Message::Command { command }).into();
    let sent = queue(&script).send(messages).await;
    let script = script.0.lock().unwrap();
    let ids = |request: &Value| {
        let entries = request["Entries"].as_array().unwrap().iter();
        entries.map(|entry| entry["MessageDeduplicationId"].as_str().unwrap().to_owned()).collect()
    };
    (sent, script.1.iter().map(ids).collect())
}

/// Queues of an SQS that answers by `script`.
fn queue(script: &Script) -> SqsQueue {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(SharedHttpClient::new(script.clone()))
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "test")))
        .build();
    let urls = QueueUrls {
        commands: Some("http://localhost/web.fifo".to_owned()),
        actions: Some("http://localhost/actions".to_owned()),
        artifacts: None,
    };
    SqsQueue::new(&Sdk::from_config(config), urls)
}

#[tokio::test]
async fn what_is_owed_can_wait_and_what_has_its_order_cannot() {
    let debt = Debt::Observe { attempt: fresh_attempt() };
    let owed = Message::Debt { pipeline: name("web"), category: None, debt };
    let wake_up = Message::Command { command: command("one", &name("web"), Request::WakeUp) };
    for (message, seconds, delay) in
        [(&owed, 30, json!(30)), (&owed, 9000, json!(900)), (&wake_up, 30, Value::Null)]
    {
        let answer = json!({"Successful": [], "Failed": []});
        let script = Script(Arc::new(Mutex::new((vec![answer], vec![]))));
        queue(&script).send_after(message.clone(), Duration::from_secs(seconds)).await.unwrap();
        assert_eq!(script.0.lock().unwrap().1[0]["Entries"][0]["DelaySeconds"], delay, "{message:?}");
    }
}

#[tokio::test]
async fn only_what_failed_is_sent_again() {
    let (sent, requests) = send(&[&[(1, false)], &[]]).await;
    assert_eq!(sent, Ok(()));
    assert_eq!(requests, [vec!["one", "two", "three"], vec!["two"]]);
}

#[tokio::test]
async fn what_fails_again_fails_the_whole() {
    let (sent, requests) = send(&[&[(0, false), (2, false)], &[(2, false)]]).await;
    assert!(sent.unwrap_err().retryable);
    assert_eq!(requests[1], ["one", "three"]);
    let (sent, _) = send(&[&[(0, true)], &[(0, true)]]).await;
    let error = sent.unwrap_err();
    assert!(!error.retryable && error.message.contains("Refused: a reason"), "{error}");
}
