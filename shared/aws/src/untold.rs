//! Records that nobody could be told of yet: each waits in a queue by itself, so that it holds up no other.

use aws_sdk_sqs::Client;
use penstock_app::port::PortError;

use crate::error::port_error;
use crate::sdk::Sdk;

/// The queue of untold records. A message is a record's image as the table's stream has it, at most 400 KB.
#[derive(Debug, Clone)]
pub struct Untold {
    client: Client,
    queue: String,
}

impl Untold {
    /// The queue at the URL `queue`.
    pub fn new(sdk: &Sdk, queue: impl Into<String>) -> Self {
        let config = aws_sdk_sqs::config::Builder::from(sdk.config()).interceptor(sdk.interceptor());
        Self { client: Client::from_conf(config.build()), queue: queue.into() }
    }

    /// Puts `image`, JSON, into the queue.
    ///
    /// # Errors
    /// If it may not have got there.
    pub async fn put(&self, image: &str) -> Result<(), PortError> {
        let sent = self.client.send_message().queue_url(&self.queue).message_body(image).send().await;
        sent.map(drop).map_err(|error| port_error("keep a record that is to be told", &error))
    }
}
