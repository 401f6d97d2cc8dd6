//! The contract of [`Queue`].

use std::sync::Arc;

use penstock_app::port::queue::{Message, Queue};
use penstock_engine::command::Request;
use penstock_engine::debt::Debt;
use penstock_model::pipeline::Category;
use penstock_model::trigger::{GitEvent, ObjectCreated, Push, Reference, SourceEvent};

use super::attempt;
use crate::build::{command, name};

/// `make` gives an empty queue and what takes the next message from it, which may wait for it to arrive.
///
/// # Panics
/// If the adapter breaks the contract.
pub async fn queue_contract<R: AsyncFnMut() -> Option<Message>>(make: impl AsyncFn() -> (Arc<dyn Queue>, R)) {
    let (queue, mut receive) = make().await;
    let pipeline = name("web");
    let debt = Debt::Dispatch { attempt: attempt(1) };
    let sent = vec![
        Message::Command { command: command("wake-1", &pipeline, Request::WakeUp) },
        Message::Debt { pipeline: pipeline.clone(), category: Some(Category::Build), debt },
        Message::Debt { pipeline, category: None, debt: Debt::GoOn },
        Message::Delivery {
            delivery: name("72d3162e-cc78-11e3-81ab-4c9367dc0958"),
            event: Box::new(push()),
            pipeline: None,
        },
        Message::Delivery {
            delivery: name("72d3162e-cc78-11e3-81ab-4c9367dc0958"),
            event: Box::new(push()),
            pipeline: Some(name("web")),
        },
        Message::Delivery {
            delivery: name("object-0d1a26e67d8f"),
            event: Box::new(upload()),
            pipeline: None,
        },
    ];
    queue.send(vec![]).await.expect("sending nothing");
    queue.send(sent.clone()).await.expect("sending");
    let mut missing = sent;
    while !missing.is_empty() {
        let received = receive().await.expect("everything that was sent arrives");
        missing.retain(|message| *message != received);
    }
}

/// A push whose commit message has characters that not every queue takes as they are.
fn push() -> SourceEvent {
    SourceEvent::Git(GitEvent::Push(Push {
        repository: "acme/web".to_owned(),
        reference: Reference::Branch("main".to_owned()),
        commit: "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c".to_owned(),
        message: Some("light\0 the \u{b}\u{ffff} canal \u{1f4a7}".to_owned()),
        author: None,
        changed_paths: None,
        deleted: false,
    }))
}

/// An upload whose key has such characters.
fn upload() -> SourceEvent {
    SourceEvent::ObjectCreated(ObjectCreated {
        bucket: "acme-uploads".to_owned(),
        key: "light\0 the \u{b}\u{ffff}/canal \u{1f4a7}.zip".to_owned(),
        version: Some("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e".to_owned()),
        sequencer: Some("617f08299329d189".to_owned()),
    })
}
