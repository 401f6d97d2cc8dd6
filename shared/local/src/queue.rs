//! The queue in memory: what is sent is taken up at once by a task of its own. A crash forgets it, and the state,
//! which is the outbox, is asked for everything owed when the server starts again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::queue::{Message, Queue};
use penstock_app::worker::Worker;
use tokio::sync::watch;

/// The first pause before a message is delivered again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause before a message is delivered again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The queue in memory.
#[derive(Clone, Default)]
pub struct MemoryQueue(Arc<Shared>);

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    /// How many messages are being handled.
    busy: watch::Sender<usize>,
    /// Set when even those are to be dropped.
    abandoned: watch::Sender<bool>,
}

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
        let mut inner = self.lock();
        for message in inner.early.drain(..) {
            self.take_up(&worker, message);
        }
        inner.worker = Some(worker);
    }

    /// Takes up nothing more: the state owes it to the next server.
    pub fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.worker = None;
        inner.early.clear();
    }

    /// Waits until everything that was taken up has been handled.
    pub async fn idle(&self) {
        let mut busy = self.0.busy.subscribe();
        // The sender lives as long as this.
        let _ = busy.wait_for(|busy| *busy == 0).await;
    }

    /// Closes, and drops what is being handled, as a crash would.
    pub(crate) fn abandon(&self) {
        self.close();
        self.0.abandoned.send_replace(true);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_up(&self, worker: &Arc<Worker>, message: Message) {
        let (worker, queue) = (Arc::clone(worker), self.clone());
        let mut abandoned = self.0.abandoned.subscribe();
        self.0.busy.send_modify(|busy| *busy += 1);
        tokio::spawn(async move {
            tokio::select! {
                () = queue.handle(&worker, message) => {}
                _ = abandoned.wait_for(|abandoned| *abandoned) => {}
            }
            drop(worker);
            queue.0.busy.send_modify(|busy| *busy -= 1);
        });
    }

    async fn handle(&self, worker: &Worker, message: Message) {
        let mut pause = FIRST_PAUSE;
        while let Err(error) = worker.handle(message.clone()).await {
            if !error.is_retryable() {
                tracing::warn!("a message was given up: {error}");
                return;
            }
            tracing::warn!("a message is delivered again: {error}");
            if self.lock().closed {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send(&self, messages: Vec<Message>) -> Result<(), PortError> {
        let mut inner = self.lock();
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
