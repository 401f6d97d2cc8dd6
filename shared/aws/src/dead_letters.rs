//! Dead-letter queues: how much lies there, what it is, and moving it back to where it came from.

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ListMessageMoveTasksResultEntry, Message, MessageSystemAttributeName, QueueAttributeName,
};
use futures_util::future::try_join_all;
use penstock_app::port::PortError;
use serde::Deserialize;

use crate::error::port_error;
use crate::sdk::Sdk;

/// The most messages that SQS hands out at once.
const BATCH: i32 = 10;

/// Looks into dead-letter queues and empties them.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    client: Client,
    queues: Vec<String>,
    /// The name of the queue of commands, where it is known.
    commands: Option<String>,
}

/// A dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterQueue {
    /// Its URL.
    pub url: String,
    /// Its ARN.
    pub arn: String,
    /// About how many messages lie there.
    pub depth: u64,
    /// The names of the queues whose messages end here; empty if they come from elsewhere, such as `EventBridge`.
    pub sources: Vec<String>,
}

/// A message that could not be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// SQS's id of it.
    pub id: String,
    /// When it was first sent, in milliseconds since the epoch.
    pub sent_at: Option<i64>,
    /// What it says.
    pub body: String,
}

/// A move of messages back to where they came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// `RUNNING`, `COMPLETED`, `CANCELLING`, `CANCELLED`, `FAILED`.
    pub status: String,
    /// About how many messages were moved.
    pub moved: u64,
    /// Why it failed.
    pub failure: Option<String>,
    /// When it began, in milliseconds since the epoch.
    pub started_at: i64,
}

impl Move {
    /// Whether nothing more will come of it.
    pub fn is_over(&self) -> bool {
        !matches!(self.status.as_str(), "RUNNING" | "CANCELLING")
    }
}

impl DeadLetterQueue {
    /// Its name, the last part of its ARN.
    pub fn name(&self) -> &str {
        self.arn.rsplit(':').next().unwrap_or(&self.arn)
    }
}

/// A queue as SQS describes it.
struct Described {
    url: String,
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedrivePolicy {
    dead_letter_target_arn: String,
}

impl Described {
    fn arn(&self) -> &str {
        self.attributes.get("QueueArn").map_or("", String::as_str)
    }

    fn name(&self) -> &str {
        self.arn().rsplit(':').next().unwrap_or_default()
    }

    fn depth(&self) -> u64 {
        let counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        counts.iter().filter_map(|name| self.attributes.get(*name)?.parse::<u64>().ok()).sum()
    }

    fn ends_in(&self) -> Option<String> {
        let policy = self.attributes.get("RedrivePolicy")?;
        serde_json::from_str(policy).ok().map(|policy: RedrivePolicy| policy.dead_letter_target_arn)
    }
}

impl DeadLetters {
    /// The dead letters in `queues`, by URL.
    pub fn new(sdk: &Sdk, queues: Vec<String>) -> Self {
        let config = aws_sdk_sqs::config::Builder::from(sdk.config());
        let client = Client::from_conf(config.interceptor(sdk.interceptor()).build());
        Self { client, queues, commands: None }
    }

    /// The same, knowing the URL of the queue of commands.
    #[must_use]
    pub fn with_commands(self, url: &str) -> Self {
        Self { commands: url.rsplit('/').next().map(str::to_owned), ..self }
    }

    /// About how many messages lie in the queues together.
    ///
    /// # Errors
    /// If one could not be asked for.
    pub async fn depth(&self) -> Result<u64, PortError> {
        Ok(self.described().await?.iter().map(Described::depth).sum())
    }

    /// Begins to move the messages of each queue that holds any back to where they came from; one whose messages
    /// are on the move already is left alone.
    ///
    /// # Errors
    /// Of the first queue that failed, after all were tried.
    pub async fn redrive(&self) -> Result<(), PortError> {
        let mut failure = None;
        for queue in self.described().await?.iter().filter(|queue| queue.depth() > 0) {
            failure = failure.or(self.begin(queue.arn()).await.err());
        }
        failure.map_or(Ok(()), Err)
    }

    /// Begins a move unless one is under way. Of a beginning whose answer was lost, the repetition is told that one is.
    async fn begin(&self, arn: &str) -> Result<(), PortError> {
        if self.is_moving(arn).await? {
            return Ok(());
        }
        match self.move_to(arn, destination(arn, self.commands.as_deref())).await {
            Err(error) if !error.retryable && self.is_moving(arn).await? => {
                tracing::debug!(arn, %error, "the move is under way");
                Ok(())
            }
            begun => begun,
        }
    }

    async fn is_moving(&self, arn: &str) -> Result<bool, PortError> {
        Ok(self.latest_move(arn).await?.is_some_and(|latest| !latest.is_over()))
    }

    /// Which of the queues are dead-letter queues: those in which another's messages end, and `known` ones.
    ///
    /// # Errors
    /// If one could not be asked for.
    pub async fn find(&self, known: &[String]) -> Result<Vec<DeadLetterQueue>, PortError> {
        let described = self.described().await?;
        let sources = |arn: &str| -> Vec<String> {
            let ends_here = |queue: &&Described| queue.ends_in().is_some_and(|target| target == arn);
            described.iter().filter(ends_here).map(|queue| queue.name().to_owned()).collect()
        };
        let dead = described.iter().map(|queue| (queue, sources(queue.arn())));
        let dead = dead.filter(|(queue, sources)| !sources.is_empty() || known.contains(&queue.url));
        Ok(dead.map(|(queue, sources)| dead_letter_queue(queue, sources)).collect())
    }

    /// At most ten of the messages in the queue at `url`; they stay where they are.
    ///
    /// # Errors
    /// If they could not be read.
    pub async fn peek(&self, url: &str) -> Result<Vec<Letter>, PortError> {
        // Handed out and visible again at once: nothing is held back from whoever moves them.
        let read =
            self.client.receive_message().queue_url(url).max_number_of_messages(BATCH).visibility_timeout(0);
        let read = read.message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        let found = read.send().await.map_err(|error| port_error(&format!("look into {url}"), &error))?;
        let letters = found.messages().iter().map(letter);
        let by_id: BTreeMap<String, Letter> = letters.map(|letter| (letter.id.clone(), letter)).collect();
        Ok(by_id.into_values().collect())
    }

    /// Begins to move the messages of the dead-letter queue back to the queues they came from.
    ///
    /// # Errors
    /// If a move is under way already, or no queue's messages end there.
    pub async fn move_back(&self, queue: &DeadLetterQueue) -> Result<(), PortError> {
        let source = queue.sources.first().filter(|_| queue.sources.len() == 1);
        self.move_to(&queue.arn, destination(&queue.arn, source.map(String::as_str))).await
    }

    async fn move_to(&self, arn: &str, destination: Option<String>) -> Result<(), PortError> {
        let task = self.client.start_message_move_task().source_arn(arn).set_destination_arn(destination);
        let begun = task.send().await;
        begun.map(drop).map_err(|error| port_error(&format!("move the messages of {arn} back"), &error))
    }

    /// The latest move out of the dead-letter queue `arn`.
    ///
    /// # Errors
    /// If it could not be asked for.
    pub async fn latest_move(&self, arn: &str) -> Result<Option<Move>, PortError> {
        let found = self.client.list_message_move_tasks().source_arn(arn).max_results(1).send().await;
        let found = found.map_err(|error| port_error(&format!("look at the moves out of {arn}"), &error))?;
        Ok(found.results().iter().map(a_move).max_by_key(|it| it.started_at))
    }

    async fn described(&self) -> Result<Vec<Described>, PortError> {
        try_join_all(self.queues.iter().map(|url| self.describe(url))).await
    }

    async fn describe(&self, url: &str) -> Result<Described, PortError> {
        let asked =
            self.client.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
        let found =
            asked.send().await.map_err(|error| port_error(&format!("look at the queue {url}"), &error))?;
        let attributes = found.attributes().into_iter().flatten();
        let attributes = attributes.map(|(name, value)| (name.as_str().to_owned(), value.clone())).collect();
        Ok(Described { url: url.to_owned(), attributes })
    }
}

/// Where the messages of the dead-letter queue `arn` go, unless SQS knows. Among those of commands are some that
/// `transition` put there itself, and of which SQS does not know where they came from.
fn destination(arn: &str, source: Option<&str>) -> Option<String> {
    let (place, name) = arn.rsplit_once(':')?;
    source.filter(|_| name.ends_with(".fifo")).map(|source| format!("{place}:{source}"))
}

fn dead_letter_queue(queue: &Described, sources: Vec<String>) -> DeadLetterQueue {
    DeadLetterQueue { url: queue.url.clone(), arn: queue.arn().to_owned(), depth: queue.depth(), sources }
}

fn letter(message: &Message) -> Letter {
    let attributes = message.attributes();
    let sent = attributes.and_then(|all| all.get(&MessageSystemAttributeName::SentTimestamp));
    Letter {
        id: message.message_id().unwrap_or_default().to_owned(),
        sent_at: sent.and_then(|text| text.parse().ok()),
        body: message.body().unwrap_or_default().to_owned(),
    }
}

fn a_move(found: &ListMessageMoveTasksResultEntry) -> Move {
    Move {
        status: found.status().unwrap_or_default().to_owned(),
        moved: u64::try_from(found.approximate_number_of_messages_moved()).unwrap_or_default(),
        failure: found.failure_reason().map(str::to_owned),
        started_at: found.started_timestamp(),
    }
}
