//! The queues of SQS: machines' commands and deliveries on a FIFO queue, what is owed on its workers' queues.

mod arrival;
mod batch;
mod entry;
#[cfg(feature = "s3")]
mod spill;
mod tries;
mod wire;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use futures_util::future::join_all;
use penstock_app::port::PortError;
use penstock_app::port::queue::{Message, Queue};

use crate::environment::optional;
use crate::sdk::Sdk;
use entry::{Destination, Entry};
#[cfg(feature = "s3")]
use spill::Spill;
use wire::Received;

pub use arrival::{Arrival, CommandDeadLetters, WAITED};
pub use tries::{GaveWay, Tries};

/// The queues' URLs; a function knows those into which it sends.
#[derive(Debug, Clone, Default)]
pub struct QueueUrls {
    /// The FIFO queue of `transition`.
    pub commands: Option<String>,
    /// The queue of `action`.
    pub actions: Option<String>,
    /// The queue of `artifact`.
    pub artifacts: Option<String>,
}

/// The queues of SQS.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    urls: QueueUrls,
    #[cfg(feature = "s3")]
    spill: Option<Spill>,
}

impl SqsQueue {
    /// These queues.
    pub fn new(sdk: &Sdk, urls: QueueUrls) -> Self {
        let config = aws_sdk_sqs::config::Builder::from(sdk.config()).interceptor(sdk.interceptor()).build();
        Self {
            client: Client::from_conf(config),
            urls,
            #[cfg(feature = "s3")]
            spill: None,
        }
    }

    /// The same, with messages that are too large for SQS in `bucket`, under `deliveries/`.
    #[cfg(feature = "s3")]
    #[must_use]
    pub fn spilling_into(self, sdk: &Sdk, bucket: &str) -> Self {
        Self { spill: Some(Spill::new(sdk, bucket)), ..self }
    }

    /// From `COMMAND_QUEUE_URL`, `ACTION_QUEUE_URL`, `ARTIFACT_QUEUE_URL` and, with the feature `s3`, `ARTIFACT_BUCKET`.
    ///
    /// # Errors
    /// Permanent, if none of the queues is named.
    pub fn from_environment(sdk: &Sdk) -> Result<Self, PortError> {
        let urls = QueueUrls {
            commands: optional("COMMAND_QUEUE_URL"),
            actions: optional("ACTION_QUEUE_URL"),
            artifacts: optional("ARTIFACT_QUEUE_URL"),
        };
        if urls.commands.is_none() && urls.actions.is_none() && urls.artifacts.is_none() {
            return Err(PortError::permanent(
                "read the environment: neither COMMAND_QUEUE_URL nor ACTION_QUEUE_URL nor ARTIFACT_QUEUE_URL is set; deploy the template of the same release",
            ));
        }
        let queue = Self::new(sdk, urls);
        #[cfg(feature = "s3")]
        let queue = match optional("ARTIFACT_BUCKET") {
            Some(bucket) => queue.spilling_into(sdk, &bucket),
            None => queue,
        };
        Ok(queue)
    }

    /// Reads the body of a message that was received.
    ///
    /// # Errors
    /// Permanent if it is no message of a release that this one knows; as S3 has it if the message lies there.
    pub async fn receive(&self, body: &str) -> Result<Message, PortError> {
        match wire::decode(body)? {
            Received::Message(message) => Ok(*message),
            Received::Stored { key } => match wire::decode(&self.fetch(&key).await?)? {
                Received::Message(message) => Ok(*message),
                Received::Stored { .. } => {
                    Err(PortError::permanent(format!("read the message under `{key}`: it refers to another")))
                }
            },
        }
    }

    async fn entry(&self, message: &Message) -> Result<Entry, PortError> {
        let body = wire::encode(message)?;
        let body = if body.len() > wire::LARGEST { self.store(&body).await? } else { body };
        Entry::of(message, body)
    }

    async fn send_to(&self, destination: Destination, entries: Vec<Entry>) -> Result<(), PortError> {
        let url = self.url(destination)?;
        for batch in batch::split(entries) {
            batch::send(&self.client, url, batch).await?;
        }
        Ok(())
    }

    fn url(&self, destination: Destination) -> Result<&str, PortError> {
        let (url, variable) = match destination {
            Destination::Commands => (&self.urls.commands, "COMMAND_QUEUE_URL"),
            Destination::Actions => (&self.urls.actions, "ACTION_QUEUE_URL"),
            Destination::Artifacts => (&self.urls.artifacts, "ARTIFACT_QUEUE_URL"),
        };
        url.as_deref().ok_or_else(|| {
            PortError::permanent(format!(
                "send a message: {variable} is not set; deploy the template of the same release"
            ))
        })
    }

    #[cfg(feature = "s3")]
    async fn store(&self, body: &str) -> Result<String, PortError> {
        match &self.spill {
            Some(spill) => Ok(wire::stored(&spill.store(body).await?)),
            None => Err(too_large(body)),
        }
    }

    #[cfg(not(feature = "s3"))]
    #[expect(clippy::unused_async, reason = "with S3 it calls")]
    async fn store(&self, body: &str) -> Result<String, PortError> {
        Err(too_large(body))
    }

    #[cfg(feature = "s3")]
    async fn fetch(&self, key: &str) -> Result<String, PortError> {
        match &self.spill {
            Some(spill) => spill.fetch(key).await,
            None => Err(no_bucket(key)),
        }
    }

    #[cfg(not(feature = "s3"))]
    #[expect(clippy::unused_async, reason = "with S3 it calls")]
    async fn fetch(&self, key: &str) -> Result<String, PortError> {
        Err(no_bucket(key))
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, messages: Vec<Message>) -> Result<(), PortError> {
        let mut queues: BTreeMap<Destination, Vec<Entry>> = BTreeMap::new();
        for message in &messages {
            queues.entry(Destination::of(message)).or_default().push(self.entry(message).await?);
        }
        // One queue that fails does not keep the others from being sent to.
        let sent = join_all(queues.into_iter().map(|(to, entries)| self.send_to(to, entries))).await;
        sent.into_iter().collect()
    }

    /// SQS lets a single message wait where it keeps no order, so what is owed can.
    async fn send_after(&self, message: Message, pause: Duration) -> Result<(), PortError> {
        let entry = self.entry(&message).await?.after(pause);
        self.send_to(Destination::of(&message), vec![entry]).await
    }
}

fn too_large(body: &str) -> PortError {
    PortError::permanent(format!(
        "send a message of {} bytes: SQS takes {} and no bucket is set for larger ones",
        body.len(),
        wire::LARGEST
    ))
}

fn no_bucket(key: &str) -> PortError {
    PortError::permanent(format!("read the message under `{key}`: ARTIFACT_BUCKET is not set"))
}
