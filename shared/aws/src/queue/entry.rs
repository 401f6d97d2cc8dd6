//! Where a message goes and by what SQS orders and recognises it.

use penstock_app::port::queue::Message;
use penstock_model::pipeline::Category;
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
            Message::Delivery { delivery, event, pipeline: None } => Some(Fifo {
                // A repository's name has a slash and a pipeline's has none; GitHub's are equal without regard to case.
                group: fit(&event.repository().to_ascii_lowercase()),
                deduplication: fit(&format!("delivery:{delivery}")),
            }),
            Message::Debt { .. } => None,
        };
        Self { fifo, body }
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
