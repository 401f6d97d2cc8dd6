//! Where a message goes and by what SQS orders and recognises it.

use std::time::Duration;

use penstock_app::port::PortError;
use penstock_app::port::queue::Message;
use penstock_model::pipeline::Category;
use penstock_model::trigger::SourceEvent;
use sha2::{Digest, Sha256};

/// The longest that SQS lets a message wait, in seconds.
const LONGEST_DELAY: i32 = 900;

/// A queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Destination {
    Commands,
    Actions,
    Artifacts,
}

impl Destination {
    pub(super) fn of(message: &Message) -> Self {
        match message {
            Message::Command { .. } | Message::Delivery { .. } => Self::Commands,
            Message::Debt { category: Some(Category::Source), .. } => Self::Artifacts,
            Message::Debt { .. } => Self::Actions,
        }
    }
}

/// A message as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) fifo: Option<Fifo>,
    /// After how many seconds it arrives, if it is to wait.
    pub(super) delay: Option<i32>,
    pub(super) body: String,
}

/// What a FIFO queue wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fifo {
    pub(super) group: String,
    /// Within five minutes SQS takes a message with the same id once. A command's id says what it does. A delivery's does not:
    /// what it starts depends on the definitions that it meets, and a person who has mended one has GitHub deliver it again.
    /// So each request for it has an id of its own, which an SDK that repeats the request repeats too; admission knows
    /// duplicates.
    pub(super) deduplication: String,
}

impl Entry {
    /// The entry of one request to send `message`.
    ///
    /// # Errors
    /// Transient, if there is nothing random to be had.
    pub(super) fn of(message: &Message, body: String) -> Result<Self, PortError> {
        let fifo = match message {
            Message::Command { command } => {
                Some(Fifo { group: fit(command.pipeline.as_str()), deduplication: fit(command.id.as_str()) })
            }
            Message::Delivery { pipeline: Some(pipeline), .. } => {
                Some(Fifo { group: fit(pipeline.as_str()), deduplication: random("delivery")? })
            }
            Message::Delivery { event, pipeline: None, .. } => {
                Some(Fifo { group: fit(&place(event)), deduplication: random("delivery")? })
            }
            Message::Debt { .. } => None,
        };
        Ok(Self { fifo, delay: None, body })
    }

    /// The same, arriving after `pause`; a FIFO queue takes no delay of a message's own (SQS API reference,
    /// `SendMessageBatchRequestEntry`).
    pub(super) fn after(self, pause: Duration) -> Self {
        let seconds = i32::try_from(pause.as_secs()).unwrap_or(LONGEST_DELAY).min(LONGEST_DELAY);
        Self { delay: self.fifo.is_none().then_some(seconds), ..self }
    }
}

/// Where it happened: events of one place are taken in their order. No pipeline's name has a slash.
fn place(event: &SourceEvent) -> String {
    match event {
        // GitHub's names are equal without regard to case.
        SourceEvent::Git(event) => event.repository().to_ascii_lowercase(),
        SourceEvent::ObjectCreated(object) => format!("s3://{}/{}", object.bucket, object.key),
    }
}

/// An id that nothing else has.
fn random(kind: &str) -> Result<String, PortError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| PortError::transient(format!("draw random numbers: {error}")))?;
    Ok(format!("{kind}:{}", hex::encode(random)))
}

/// The text, or its digest if SQS would not take it: up to 128 letters, digits and punctuation characters (SQS API
/// reference, `SendMessage`).
fn fit(text: &str) -> String {
    if (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        text.to_owned()
    } else {
        hex::encode(Sha256::digest(text))
    }
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn what_sqs_does_not_take_is_hashed() {
        assert_eq!(fit("wake-web-12"), "wake-web-12");
        for unfit in [String::new(), "x".repeat(129), "a b".to_owned(), "überall".to_owned()] {
            assert_eq!(fit(&unfit).len(), 64, "{unfit}");
        }
        assert_ne!(fit(&"x".repeat(129)), fit(&"x".repeat(130)));
    }
}
