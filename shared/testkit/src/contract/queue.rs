//! The contract of [`Queue`].

use std::sync::Arc;

use penstock_app::port::queue::{Message, Queue};
use penstock_engine::command::Request;
use penstock_engine::debt::Debt;
use penstock_model::pipeline::Category;

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
    ];
    queue.send(vec![]).await.expect("sending nothing");
    queue.send(sent.clone()).await.expect("sending");
    let mut missing = sent;
    while !missing.is_empty() {
        let received = receive().await.expect("everything that was sent arrives");
        missing.retain(|message| *message != received);
    }
}
