//! The queue in memory: what is sent is taken up at once by a task of its own. A crash forgets it, and the state,
//! which is the outbox, is asked for everything owed when the server starts again.
//!
//! What fails is handled again after a pause, and meanwhile nowhere else: that the state goes on owing it, and that it is
//! sent again for it, makes no second retry beside the first.

use std::future::Future;
use std::pin::Pin;
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
        Self::pausing_with(Box::new(|pause| Box::pin(tokio::time::sleep(pause))))
    }
}

/// Lets time pass.
type Pause = Box<dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

struct Shared<H> {
    pause: Pause,
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
    /// What failed and is handled again before long.
    failed: Vec<Message>,
    closed: bool,
}

impl<H> MemoryQueue<H> {
    fn pausing_with(pause: Pause) -> Self {
        let inner = Inner { handler: None, early: vec![], failed: vec![], closed: false };
        let (inner, busy, abandoned) =
            (Mutex::new(inner), watch::Sender::default(), watch::Sender::default());
        Self(Arc::new(Shared { pause, inner, busy, abandoned }))
    }
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
            if !self.lock().waits(&message) {
                return;
            }
            tracing::warn!("a message is delivered again: {error}");
            (self.0.pause)(pause).await;
            let is_closed = {
                let mut inner = self.lock();
                inner.failed.retain(|failed| *failed != message);
                inner.closed
            };
            if is_closed {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl<H> Inner<H> {
    /// Whether whoever failed with `message` is to try again: not if another does, or nobody takes anything up.
    fn waits(&mut self, message: &Message) -> bool {
        let waits = !self.closed && !self.failed.contains(message);
        if waits {
            self.failed.push(message.clone());
        }
        waits
    }
}

#[async_trait]
impl<H: Handler> Queue for MemoryQueue<H> {
    async fn send(&self, messages: Vec<Message>) -> Result<(), PortError> {
        let mut inner = self.lock();
        if inner.closed {
            return Ok(());
        }
        let is_new = |message: &Message| !inner.failed.contains(message);
        let messages: Vec<Message> = messages.into_iter().filter(is_new).collect();
        match inner.handler.clone() {
            Some(handler) => messages.into_iter().for_each(|message| self.take_up(&handler, message)),
            None => inner.early.extend(messages),
        }
        Ok(())
    }

    /// Meanwhile nobody waits for it: a server that ends forgets it, as it does what it was sent.
    async fn send_after(&self, message: Message, pause: Duration) -> Result<(), PortError> {
        let queue = self.clone();
        tokio::spawn(async move {
            (queue.0.pause)(pause).await;
            queue.send(vec![message]).await
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use penstock_app::control::StartRequest;
    use penstock_app::engine::debt::Debt;
    use penstock_testkit::build::{name, pipeline, source};
    use penstock_testkit::fake::{Conduct, FakeProvider};
    use penstock_testkit::fault::Faults;
    use penstock_testkit::installation::{Fakes, Installation, Ports};
    use tokio::sync::Semaphore;

    use super::*;

    /// Pauses that last until the test lets them end.
    #[derive(Clone)]
    struct Pauses {
        begun: Arc<Mutex<Vec<Duration>>>,
        ends: Arc<Semaphore>,
    }

    impl Pauses {
        fn queue<H>() -> (Self, MemoryQueue<H>) {
            let this = Self { begun: Arc::default(), ends: Arc::new(Semaphore::new(0)) };
            let inner = this.clone();
            let pause: Pause = Box::new(move |pause| {
                inner.begun.lock().unwrap().push(pause);
                let ends = Arc::clone(&inner.ends);
                Box::pin(async move { ends.acquire().await.unwrap().forget() })
            });
            (this, MemoryQueue::pausing_with(pause))
        }

        fn begun(&self) -> Vec<Duration> {
            self.begun.lock().unwrap().clone()
        }
    }

    /// Everything that can go on now goes on.
    async fn settle() {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }

    /// Fails whatever it handles, once it is let.
    struct Fails {
        calls: AtomicUsize,
        may: Semaphore,
    }

    impl Handler for Fails {
        async fn handle(&self, _: Message) -> Result<(), AppError> {
            self.calls.fetch_add(1, Ordering::SeqCst);
            self.may.acquire().await.unwrap().forget();
            Err(PortError::transient("not now").into())
        }
    }

    fn message() -> Message {
        let attempt = "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Source/Pull/1".parse().unwrap();
        Message::Debt { pipeline: name("web"), category: None, debt: Debt::Dispatch { attempt } }
    }

    #[tokio::test]
    async fn what_fails_is_tried_again_in_one_place_with_longer_and_longer_pauses() {
        let (pauses, queue) = Pauses::queue();
        let handler = Arc::new(Fails { calls: AtomicUsize::new(0), may: Semaphore::new(1000) });
        queue.serve(Arc::clone(&handler));
        for tries in 1..=12 {
            queue.send(vec![message(), message()]).await.unwrap();
            settle().await;
            // At first both are handled: the first has not failed yet.
            assert_eq!(handler.calls.load(Ordering::SeqCst), tries + 1);
            pauses.ends.add_permits(1);
            settle().await;
        }
        let begun: Vec<_> = pauses.begun().iter().map(Duration::as_millis).collect();
        assert_eq!(begun[..10], [50, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    }

    #[tokio::test]
    async fn of_those_that_fail_with_the_same_one_tries_again() {
        let (pauses, queue) = Pauses::queue();
        let handler = Arc::new(Fails { calls: AtomicUsize::new(0), may: Semaphore::new(0) });
        queue.serve(Arc::clone(&handler));
        for _ in 0..3 {
            queue.send(vec![message()]).await.unwrap();
        }
        settle().await;
        handler.may.add_permits(3);
        settle().await;
        assert_eq!((handler.calls.load(Ordering::SeqCst), pauses.begun().len()), (3, 1));
        queue.close();
        pauses.ends.add_permits(1);
        handler.may.add_permits(1);
        settle().await;
        queue.idle().await;
        let tried = (handler.calls.load(Ordering::SeqCst), pauses.begun().len());
        assert_eq!(tried, (3, 1), "a queue that is closed tries nothing again");
    }

    #[tokio::test]
    async fn what_is_to_arrive_later_is_handled_then() {
        let (pauses, queue) = Pauses::queue();
        let handler = Arc::new(Fails { calls: AtomicUsize::new(0), may: Semaphore::new(0) });
        queue.serve(Arc::clone(&handler));
        queue.send_after(message(), Duration::from_secs(30)).await.unwrap();
        settle().await;
        assert_eq!(
            (handler.calls.load(Ordering::SeqCst), pauses.begun()),
            (0, vec![Duration::from_secs(30)])
        );
        pauses.ends.add_permits(1);
        settle().await;
        assert_eq!(handler.calls.load(Ordering::SeqCst), 1);
    }

    /// The state goes on owing its start, and each sweep sends it again.
    #[tokio::test]
    async fn a_source_that_fails_is_asked_as_often_as_its_pauses_end() {
        let (calls, (pauses, queue)) = (Arc::new(AtomicUsize::new(0)), Pauses::queue::<Worker>());
        let counted = Arc::clone(&calls);
        let fakes = Fakes::new(FakeProvider::new(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            Conduct::Refuses(PortError::transient("connection refused"))
        }));
        let ports = Ports { queue: Arc::new(queue.clone()), ..Ports::faulty(&fakes, &Faults::new(0, 0)) };
        let installation = Installation::wire(fakes, ports);
        let (transition, dispatch) = (installation.transition.clone(), installation.dispatch.clone());
        queue.serve(Arc::new(Worker::new(transition, dispatch)));
        let web = pipeline("web").stage("Source", [source("Pull", "src")]);
        let web = web.stage("Release", [penstock_testkit::build::deploy("Ship").consumes("src")]).build();
        installation.control.create(web, "alice").await.unwrap();
        installation.control.start(StartRequest::by(name("web"), "alice")).await.unwrap();
        settle().await;
        for _ in 0..10 {
            installation.fakes.clock.advance(Duration::from_secs(90));
            installation.sweep.run(true).await.unwrap();
            settle().await;
        }
        assert_eq!(calls.load(Ordering::SeqCst), 1, "nobody's pause has ended");
        pauses.ends.add_permits(3);
        settle().await;
        assert_eq!((calls.load(Ordering::SeqCst), pauses.begun().len()), (4, 4));
    }
}
