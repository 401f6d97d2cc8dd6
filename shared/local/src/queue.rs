//! The queue in memory: what is sent is taken up at once by a task of its own. A crash forgets it, and the state,
//! which is the outbox, is asked for everything owed when the server starts again.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use penstock_app::error::AppError;
use penstock_app::port::PortError;
use penstock_app::port::queue::{Message, Queue};
use penstock_app::worker::Worker;
use tokio::sync::watch;

/// The first pause before a message is delivered again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause before a message is delivered again.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Takes messages from the queue.
pub trait Handler: Send + Sync + 'static {
    /// Handles `message`; one that fails for now is delivered again.
    fn handle(&self, message: Message) -> impl Future<Output = Result<(), AppError>> + Send;
}

impl Handler for Worker {
    fn handle(&self, message: Message) -> impl Future<Output = Result<(), AppError>> + Send {
        Self::handle(self, message)
    }
}

/// The queue in memory.
pub struct MemoryQueue<H = Worker>(Arc<Shared<H>>);

impl<H> Clone for MemoryQueue<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<H> Default for MemoryQueue<H> {
    fn default() -> Self {
        let inner = Inner { handler: None, early: vec![], closed: false };
        let (inner, busy, abandoned) =
            (Mutex::new(inner), watch::Sender::default(), watch::Sender::default());
        Self(Arc::new(Shared { inner, busy, abandoned }))
    }
}

struct Shared<H> {
    inner: Mutex<Inner<H>>,
    /// How many messages are being handled.
    busy: watch::Sender<usize>,
    /// Set when even those are to be dropped.
    abandoned: watch::Sender<bool>,
}

struct Inner<H> {
    handler: Option<Arc<H>>,
    /// What was sent before there was a handler.
    early: Vec<Message>,
    closed: bool,
}

impl<H: Handler> MemoryQueue<H> {
    /// Hands everything sent so far, and from now on, to `handler`.
    pub fn serve(&self, handler: Arc<H>) {
        let mut inner = self.lock();
        for message in inner.early.drain(..) {
            self.take_up(&handler, message);
        }
        inner.handler = Some(handler);
    }

    /// Takes up nothing more: the state owes it to the next server.
    pub fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.handler = None;
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

    fn lock(&self) -> MutexGuard<'_, Inner<H>> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_up(&self, handler: &Arc<H>, message: Message) {
        let (handler, queue) = (Arc::clone(handler), self.clone());
        let mut abandoned = self.0.abandoned.subscribe();
        self.0.busy.send_modify(|busy| *busy += 1);
        tokio::spawn(async move {
            tokio::select! {
                () = queue.handle(&handler, message) => {}
                _ = abandoned.wait_for(|abandoned| *abandoned) => {}
            }
            drop(handler);
            queue.0.busy.send_modify(|busy| *busy -= 1);
        });
    }

    async fn handle(&self, handler: &H, message: Message) {
        let mut pause = FIRST_PAUSE;
        while let Err(error) = handler.handle(message.clone()).await {
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
impl<H: Handler> Queue for MemoryQueue<H> {
    async fn send(&self, messages: Vec<Message>) -> Result<(), PortError> {
        let mut inner = self.lock();
        if inner.closed {
            return Ok(());
        }
        match inner.handler.clone() {
            Some(handler) => messages.into_iter().for_each(|message| self.take_up(&handler, message)),
            None => inner.early.extend(messages),
        }
        Ok(())
    }
}
