//! Approvers' topics and their subscriptions.

use std::io::{Read, Write};
use std::net::TcpListener;

use aws_sdk_sns::Client;
use penstock_aws::subscriptions::Subscriptions;
use serde_json::Value;

use crate::connector::every_fault;
use crate::{faults, fresh};

#[tokio::test]
async fn an_approver_is_asked_to_confirm_their_own_topic() {
    let sdk = faults().sdk();
    let (subscriptions, name) = (Subscriptions::new(&sdk), fresh("penstock-jo"));
    let topic = subscriptions.topic(&name, "penstock-dev").await.unwrap();
    assert_eq!(subscriptions.topic(&name, "penstock-dev").await.unwrap(), topic, "it is there already");
    let tags = Client::new(sdk.config()).list_tags_for_resource().resource_arn(&topic).send().await.unwrap();
    let tags: Vec<_> = tags.tags().iter().map(|tag| (tag.key(), tag.value())).collect();
    assert_eq!(tags, [("penstock:stack", "penstock-dev")]);

    subscriptions.subscribe(&topic, "jo@example.com").await.unwrap();
    let found = subscriptions.of(&topic).await.unwrap().unwrap();
    let found: Vec<_> = found.iter().map(|it| (it.protocol.as_str(), it.endpoint.as_str())).collect();
    assert_eq!(found, [("email", "jo@example.com")]);
    let error = subscriptions.confirm(&topic, "a token of somebody else").await.unwrap_err();
    assert!(!error.retryable && error.message.contains(&topic), "{error}");

    subscriptions.delete(&topic).await.unwrap();
    assert_eq!(subscriptions.of(&topic).await.unwrap(), None);
    subscriptions.delete(&topic).await.unwrap();
}

/// E-mail goes nowhere here; a web endpoint is asked to confirm in the same way, and can be read.
#[tokio::test]
async fn with_the_token_of_its_message_a_subscription_is_confirmed() {
    let sdk = faults().sdk();
    let (subscriptions, sns) = (Subscriptions::new(&sdk), Client::new(sdk.config()));
    let topic = subscriptions.topic(&fresh("penstock-ada"), "penstock-dev").await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = tokio::task::spawn_blocking(move || confirmation(&listener));
    sns.subscribe().topic_arn(&topic).protocol("http").endpoint(endpoint).send().await.unwrap();
    let message = asked.await.unwrap();
    assert_eq!(message["TopicArn"], topic.as_str());
    assert_eq!(pending(&sns, &topic).await, "true");
    subscriptions.confirm(&topic, message["Token"].as_str().unwrap()).await.unwrap();
    assert_eq!(pending(&sns, &topic).await, "false");
    assert!(subscriptions.of(&topic).await.unwrap().unwrap()[0].confirmed);
}

/// Whether the topic's one subscription waits to be confirmed: the emulator's list does not say.
async fn pending(sns: &Client, topic: &str) -> String {
    let listed = sns.list_subscriptions_by_topic().topic_arn(topic).send().await.unwrap();
    let about = sns
        .get_subscription_attributes()
        .set_subscription_arn(listed.subscriptions()[0].subscription_arn.clone());
    about.send().await.unwrap().attributes.unwrap().remove("PendingConfirmation").unwrap()
}

/// The first message that is posted.
fn confirmation(listener: &TcpListener) -> Value {
    let (mut stream, _) = listener.accept().unwrap();
    let (mut request, mut part) = (vec![], [0; 4096]);
    loop {
        let length = stream.read(&mut part).unwrap();
        request.extend_from_slice(&part[..length]);
        let text = String::from_utf8_lossy(&request);
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        if let Ok(message) = serde_json::from_str(body) {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            return message;
        }
        assert!(length > 0, "it breaks off: {text}");
    }
}

#[tokio::test]
async fn whatever_fails_there_is_one_topic_with_one_subscription() {
    let faults = faults();
    let (subscriptions, sound) =
        (Subscriptions::new(&faults.sdk()), Subscriptions::new(&crate::faults().sdk()));
    every_fault(&faults, async |case| {
        let name = fresh("penstock-one");
        let topic = faults
            .until_done(async || {
                let topic = subscriptions.topic(&name, "penstock-dev").await?;
                subscriptions.subscribe(&topic, "one@example.com").await?;
                Ok(topic)
            })
            .await;
        assert_eq!(sound.of(&topic).await.unwrap().map(|found| found.len()), Some(1), "{case}");
        faults.until_done(async || subscriptions.delete(&topic).await).await;
        assert_eq!(sound.of(&topic).await.unwrap(), None, "{case}");
    })
    .await;
}

#[tokio::test]
async fn whatever_fails_a_subscription_is_confirmed() {
    let (sound, faults) = (faults().sdk(), faults());
    let (subscriptions, sns) = (Subscriptions::new(&faults.sdk()), Client::new(sound.config()));
    every_fault(&faults, async |case| {
        let topic = Subscriptions::new(&sound).topic(&fresh("penstock-ada"), "penstock-dev").await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = tokio::task::spawn_blocking(move || confirmation(&listener));
        sns.subscribe().topic_arn(&topic).protocol("http").endpoint(endpoint).send().await.unwrap();
        let token = asked.await.unwrap()["Token"].as_str().unwrap().to_owned();
        let confirmed = faults.until_done(async || match subscriptions.confirm(&topic, &token).await {
            // The emulator takes a token once; a repetition of the SDK's own meets what its first try did.
            Err(error) if !error.retryable => Ok(error.message.contains(&topic)),
            confirmed => confirmed.map(|()| true),
        });
        assert!(confirmed.await, "{case}: what is refused is named");
        assert_eq!(pending(&sns, &topic).await, "false", "{case}");
    })
    .await;
}
