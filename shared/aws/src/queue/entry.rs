//! Where a message goes and by what SQS orders and recognises it.

use penstock_app::port::queue::Message;
use penstock_model::pipeline::Category;
use penstock_model::trigger::SourceEvent;
use sha2::{Digest, Sha256};

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
    pub(super) body: String,
}

/// What a FIFO queue wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fifo {
    pub(super) group: String,
    /// Within five minutes SQS takes a message with the same id once.
    pub(super) deduplication: String,
}

impl Entry {
    pub(super) fn of(message: &Message, body: String) -> Self {
        let fifo = match message {
            Message::Command { command } => {
                Some(Fifo { group: fit(command.pipeline.as_str()), deduplication: fit(command.id.as_str()) })
            }
            Message::Delivery { delivery, event: _, pipeline: Some(pipeline) } => Some(Fifo {
                group: fit(pipeline.as_str()),
                deduplication: fit(&format!("delivery:{delivery}:{pipeline}")),
            }),
            Message::Delivery { delivery, event, pipeline: None } => {
                Some(Fifo { group: fit(&place(event)), deduplication: fit(&format!("delivery:{delivery}")) })
            }
            Message::Debt { .. } => None,
        };
        Self { fifo, body }
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
