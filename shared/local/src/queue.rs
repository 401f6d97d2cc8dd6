//! The queue in memory: what is sent is taken up at once by a task of its own. A crash forgets it, and the state,
//! which is the outbox, is asked for everything owed when the server starts again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::queue::{Message, Queue};
use penstock_app::worker::Worker;

/// The longest pause before a message is delivered again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The queue in memory.
#[derive(Clone, Default)]
pub struct MemoryQueue(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    worker: Option<Arc<Worker>>,
    /// What was sent before there was a worker.
    early: Vec<Message>,
    closed: bool,
}

impl MemoryQueue {
    /// Hands everything sent so far, and from now on, to `worker`.
    pub fn serve(&self, worker: Arc<Worker>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for message in inner.early.drain(..) {
            self.take_up(&worker, message);
        }
        inner.worker = Some(worker);
    }

    /// Takes up nothing more: the state owes it to the next server.
    pub fn close(&self) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.closed = true;
        inner.worker = None;
        inner.early.clear();
    }

    fn is_closed(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).closed
    }

    fn take_up(&self, worker: &Arc<Worker>, message: Message) {
        let (worker, queue) = (Arc::clone(worker), self.clone());
        tokio::spawn(async move {
            let mut pause = Duration::from_millis(50);
            while let Err(error) = worker.handle(message.clone()).await {
                if !error.is_retryable() {
                    tracing::warn!("a message was given up: {error}");
                    return;
                }
                tracing::warn!("a message is delivered again: {error}");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                if queue.is_closed() {
                    return;
                }
            }
        });
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send(&self, messages: Vec<Message>) -> Result<(), PortError> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.closed {
            return Ok(());
        }
        match inner.worker.clone() {
            Some(worker) => messages.into_iter().for_each(|message| self.take_up(&worker, message)),
            None => inner.early.extend(messages),
        }
        Ok(())
    }
}
