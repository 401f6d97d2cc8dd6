//! Who gets a topic's messages by e-mail: a topic for each approver, its subscription and the proof that it is meant.

use aws_sdk_sns::Client;
use aws_sdk_sns::operation::list_subscriptions_by_topic::ListSubscriptionsByTopicError;
use aws_sdk_sns::types::Tag;
use penstock_app::port::PortError;

use crate::error::port_error;
use crate::sdk::Sdk;

/// The key under which SNS encrypts the stack's other topics.
const KEY: &str = "alias/aws/sns";

/// Makes topics and looks after their subscriptions.
#[derive(Debug, Clone)]
pub struct Subscriptions(Client);

/// Somebody who gets a topic's messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Such as `email`.
    pub protocol: String,
    /// Such as an address.
    pub endpoint: String,
    /// Whether they have confirmed it; until then they get nothing.
    pub confirmed: bool,
}

impl Subscriptions {
    /// Subscriptions of the configuration's account and region.
    pub fn new(sdk: &Sdk) -> Self {
        let config = aws_sdk_sns::config::Builder::from(sdk.config());
        Self(Client::from_conf(config.interceptor(sdk.interceptor()).build()))
    }

    /// The topic called `name`, made for the installation `stack` unless it is there; its ARN.
    ///
    /// # Errors
    /// If it could not be made.
    pub async fn topic(&self, name: &str, stack: &str) -> Result<String, PortError> {
        let what = format!("make the topic `{name}`");
        let tag = Tag::builder().key("penstock:stack").value(stack).build();
        let tag = tag.map_err(|error| PortError::permanent(format!("{what}: {error}")))?;
        let asked = self.0.create_topic().name(name).tags(tag).attributes("KmsMasterKeyId", KEY);
        let made = asked.send().await.map_err(|error| port_error(&what, &error))?;
        let arn = made.topic_arn().unwrap_or_default();
        // An answer that broke off may still be well-formed enough to be read.
        if !arn.ends_with(&format!(":{name}")) {
            return Err(PortError::transient(format!("{what}: the answer was not understood")));
        }
        Ok(arn.to_owned())
    }

    /// Deletes a topic with its subscriptions; one that is not there is as good as deleted.
    ///
    /// # Errors
    /// If it could not be deleted.
    pub async fn delete(&self, topic: &str) -> Result<(), PortError> {
        let deleted = self.0.delete_topic().topic_arn(topic).send().await;
        deleted.map(drop).map_err(|error| port_error(&format!("delete the topic {topic}"), &error))
    }

    /// Subscribes `email`, whose owner is sent a link to confirm it; again, if they have not yet.
    ///
    /// # Errors
    /// If it could not be subscribed.
    pub async fn subscribe(&self, topic: &str, email: &str) -> Result<(), PortError> {
        let asked = self.0.subscribe().topic_arn(topic).protocol("email").endpoint(email);
        let subscribed = asked.send().await;
        subscribed.map(drop).map_err(|error| port_error(&format!("subscribe {email} to {topic}"), &error))
    }

    /// Who is subscribed to `topic`; `None` if there is no such topic.
    ///
    /// # Errors
    /// If it could not be asked for.
    pub async fn of(&self, topic: &str) -> Result<Option<Vec<Subscription>>, PortError> {
        let mut pages = self.0.list_subscriptions_by_topic().topic_arn(topic).into_paginator().send();
        let mut found = vec![];
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => found.extend(page.subscriptions().iter().map(subscription)),
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(ListSubscriptionsByTopicError::is_not_found_exception) =>
                {
                    return Ok(None);
                }
                Err(error) => {
                    return Err(port_error(&format!("look at the subscriptions of {topic}"), &error));
                }
            }
        }
        Ok(Some(found))
    }

    /// Confirms with the token of the e-mail that `topic`'s messages are wanted; from then on only a signed call ends
    /// the subscription, not whoever follows the link at the end of a message.
    ///
    /// # Errors
    /// If the token has ended (after two days), or this is another account's topic.
    pub async fn confirm(&self, topic: &str, token: &str) -> Result<(), PortError> {
        let asked = self.0.confirm_subscription().topic_arn(topic).token(token);
        let confirmed = asked.authenticate_on_unsubscribe("true").send().await;
        confirmed
            .map(drop)
            .map_err(|error| port_error(&format!("confirm the subscription to {topic}"), &error))
    }
}

fn subscription(found: &aws_sdk_sns::types::Subscription) -> Subscription {
    let arn = found.subscription_arn().unwrap_or_default();
    Subscription {
        protocol: found.protocol().unwrap_or_default().to_owned(),
        endpoint: found.endpoint().unwrap_or_default().to_owned(),
        // While unconfirmed it has `PendingConfirmation` instead of an ARN, and when ended `Deleted`.
        confirmed: arn.starts_with("arn:"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_not_confirmed_is_told_from_who_has() {
        let arn = "arn:aws:sns:eu-west-1:111122223333:penstock-jo:8a21d249";
        for (said, confirmed) in [
            (arn, true),
            ("PendingConfirmation", false),
            ("pending confirmation", false),
            ("Deleted", false),
            ("", false),
        ] {
            let found = aws_sdk_sns::types::Subscription::builder().subscription_arn(said).build();
            assert_eq!(subscription(&found).confirmed, confirmed, "{said}");
        }
    }
}
