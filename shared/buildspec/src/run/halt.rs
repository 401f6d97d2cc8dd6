//! What ends a build from outside: its timeout, or somebody's wish.

use std::pin::Pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Sleep, sleep};

/// Why a build was ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halted {
    TimedOut,
    Stopped,
}

/// Watches for the end of a build's time and for a stop.
pub(crate) struct Halt {
    time: Pin<Box<Sleep>>,
    stop: watch::Receiver<bool>,
}

impl Halt {
    pub(crate) fn new(timeout: Duration, stop: watch::Receiver<bool>) -> Self {
        Self { time: Box::pin(sleep(timeout)), stop }
    }

    /// Waits until the build has to end. Cancel safe; may be asked again afterwards.
    pub(crate) async fn halted(&mut self) -> Halted {
        tokio::select! {
            biased;
            () = stopped(&mut self.stop) => Halted::Stopped,
            () = &mut self.time => Halted::TimedOut,
        }
    }
}

/// Waits for a wish to stop. If nobody can ask for it any more, it never comes.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
