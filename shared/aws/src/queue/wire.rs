//! Messages as text: JSON with a schema number, in characters that SQS takes.

use penstock_app::port::PortError;
use penstock_app::port::queue::Message;
use penstock_model::trigger::SourceEvent;
use serde::Deserialize;
use serde_json::{Value, json};

/// The newest form that this release reads. Those without a number are of form 1; form 2 tells of uploads too.
const SCHEMA: u64 = 2;

/// The largest body that travels through SQS, whose limit is 1 MiB.
pub(super) const LARGEST: usize = 900 << 10;

/// What a body says.
#[derive(Debug)]
pub(super) enum Received {
    Message(Box<Message>),
    /// The message lies in the bucket.
    Stored {
        key: String,
    },
}

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    schema: Option<u64>,
    #[serde(default)]
    stored: Option<String>,
}

impl Head {
    fn is_newer(&self) -> bool {
        self.schema.is_some_and(|schema| schema > SCHEMA)
    }
}

/// Whether a newer release has written `body`.
pub(super) fn is_newer(body: &str) -> bool {
    serde_json::from_str(body).is_ok_and(|head: Head| head.is_newer())
}

pub(super) fn encode(message: &Message) -> Result<String, PortError> {
    let failed = |error: serde_json::Error| PortError::permanent(format!("write a message: {error}"));
    let mut value = serde_json::to_value(message).map_err(failed)?;
    if let Value::Object(fields) = &mut value {
        fields.insert("schema".to_owned(), form(message).into());
    }
    Ok(printable(&value.to_string()))
}

/// The oldest form that can say it: a release that knows no newer one goes on reading whatever it knows, and leaves the rest
/// for later instead of putting it aside.
fn form(message: &Message) -> u64 {
    match message {
        Message::Delivery { event, .. } => match **event {
            SourceEvent::Git(_) => 1,
            SourceEvent::ObjectCreated(_) => 2,
        },
        Message::Command { .. } | Message::Debt { .. } => 1,
    }
}

/// The body that stands for the message under `key`.
#[cfg_attr(not(feature = "s3"), expect(dead_code, reason = "only S3 stores messages"))]
pub(super) fn stored(key: &str) -> String {
    json!({ "schema": 1, "stored": key }).to_string()
}

pub(super) fn decode(body: &str) -> Result<Received, PortError> {
    let unreadable = |error: serde_json::Error| PortError::permanent(format!("read a message: {error}"));
    let head: Head = serde_json::from_str(body).map_err(unreadable)?;
    if head.is_newer() {
        // While an update of the stack is under way, senders may be newer than we are.
        return Err(PortError::transient(
            "read a message: it is of a newer release; update all functions to one release",
        ));
    }
    match head.stored {
        Some(key) => Ok(Received::Stored { key }),
        None => {
            serde_json::from_str(body).map(|message| Received::Message(Box::new(message))).map_err(unreadable)
        }
    }
}

/// SQS refuses the two characters of Unicode that JSON need not escape and XML cannot hold (SQS API reference,
/// `SendMessage`); a commit message may have them.
fn printable(json: &str) -> String {
    json.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
}

#[cfg(test)]
mod tests {
    use penstock_model::trigger::{GitEvent, ObjectCreated, Push, Reference};

    use super::*;

    fn delivery(message: &str) -> Message {
        let push = Push {
            repository: "acme/web".to_owned(),
            reference: Reference::Branch("main".to_owned()),
            commit: "0".repeat(40),
            message: Some(message.to_owned()),
            author: None,
            changed_paths: None,
            deleted: false,
        };
        let delivery = "72d3162e".parse().expect("a delivery id");
        Message::Delivery { delivery, event: Box::new(GitEvent::Push(push).into()), pipeline: None }
    }

    fn read(body: &str) -> Message {
        match decode(body).expect("a message") {
            Received::Message(message) => *message,
            Received::Stored { key } => panic!("stored under {key}"),
        }
    }

    #[test]
    fn every_character_comes_back_and_none_is_one_that_sqs_refuses() {
        let message = delivery("a\0b\u{b}c\u{fffe}d\u{ffff}e\u{1f4a7}\\ufffe");
        let body = encode(&message).expect("encoding");
        assert!(
            body.chars().all(|c| matches!(c, ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)),
            "{body:?}"
        );
        assert_eq!(read(&body), message);
    }

    #[test]
    fn forms_are_told_apart() {
        let body = encode(&delivery("x")).expect("encoding");
        assert!(body.contains(r#""schema":1"#), "{body}");
        assert_eq!(
            read(&body.replace(r#""schema":1,"#, "")),
            delivery("x"),
            "a message without a number is read"
        );
        let newer = decode(&body.replace(r#""schema":1"#, r#""schema":3"#)).expect_err("a newer form");
        assert!(newer.message.contains("newer release") && newer.retryable, "{newer}");
        assert!(
            matches!(decode(&stored("deliveries/a")), Ok(Received::Stored { key }) if key == "deliveries/a")
        );
        for body in ["", "{}", "[]", "null", r#"{"type":"other"}"#] {
            assert!(!decode(body).expect_err(body).retryable);
        }
    }

    /// A release that knows pushes only, and so no form 2, keeps it for the next, which reads it.
    #[test]
    fn an_upload_is_of_a_form_of_its_own() {
        let object = ObjectCreated {
            bucket: "acme-uploads".to_owned(),
            key: "a \u{1b}[2J+\u{fffe}.zip".to_owned(),
            version: None,
            sequencer: Some("617f08299329d189".to_owned()),
        };
        let delivery = object.delivery().expect("a delivery");
        let event = Box::new(SourceEvent::ObjectCreated(object));
        let message = Message::Delivery { delivery, event, pipeline: None };
        let body = encode(&message).expect("encoding");
        assert!(body.contains(r#""schema":2"#), "{body}");
        assert_eq!(read(&body), message);
    }
}
