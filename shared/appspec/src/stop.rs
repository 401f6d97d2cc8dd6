//! Asks a deployment to stop (`CodeDeploy` API, `StopDeployment`).

use tokio::sync::watch;

/// The side that asks.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<Option<Stop>>);

/// The side that a deployment listens to.
#[derive(Debug, Clone)]
pub struct StopSignal(watch::Receiver<Option<Stop>>);

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// Whether the last good revision is to be brought back (`autoRollbackEnabled`).
    pub rollback: bool,
}

/// A pair that belongs together. A [`StopSignal`] whose [`Stopper`] is gone never asks for anything.
pub fn stop_channel() -> (Stopper, StopSignal) {
    let (sender, receiver) = watch::channel(None);
    (Stopper(sender), StopSignal(receiver))
}

impl Stopper {
    /// Asks: no further event begins, the running script is ended. The first request counts.
    pub fn stop(&self, stop: Stop) {
        self.0.send_if_modified(|asked| {
            let first = asked.is_none();
            asked.get_or_insert(stop);
            first
        });
    }
}

impl StopSignal {
    /// A signal that never asks.
    pub fn never() -> Self {
        stop_channel().1
    }

    /// What was asked for so far.
    pub fn asked(&self) -> Option<Stop> {
        *self.0.borrow()
    }

    /// Waits until it is asked for.
    pub async fn wait(&self) -> Stop {
        let mut receiver = self.0.clone();
        if let Ok(asked) = receiver.wait_for(Option::is_some).await
            && let Some(stop) = *asked
        {
            return stop;
        }
        std::future::pending().await
    }
}
