//! Work that runs in this process: begun once an attempt, waited for a moment, ended on request, reported at its end.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use penstock_app::dispatch::Dispatch;
use penstock_app::engine::state::{AttemptError, ErrorCode, External};
use penstock_app::port::provider::{Begun, Ending, Observation};
use penstock_model::id::{AttemptId, PipelineName};
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;

/// Work that ends within this time is reported with its start, which saves a transition.
const PATIENCE: Duration = Duration::from_millis(500);
/// The longest pause before a report is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long ended work has to be reported when the server shuts down.
const FAREWELL: Duration = Duration::from_secs(30);

/// Why work is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndCause {
    /// Its attempt timed out or was abandoned.
    Cancelled,
    /// The server shuts down.
    ShutDown,
}

/// The side of a piece of work that is told to end.
#[derive(Debug, Clone)]
pub struct EndSignal(watch::Receiver<Option<EndCause>>);

impl EndSignal {
    /// Waits until the work has to end; for ever if nobody asks.
    pub async fn asked(&self) -> EndCause {
        let mut receiver = self.0.clone();
        if let Ok(cause) = receiver.wait_for(Option::is_some).await
            && let Some(cause) = *cause
        {
            return cause;
        }
        std::future::pending().await
    }
}

/// The work that runs in this process. Clones share it.
#[derive(Clone)]
pub struct InFlight(Arc<Shared>);

impl Default for InFlight {
    fn default() -> Self {
        Self::with_patience(PATIENCE)
    }
}

struct Shared {
    patience: Duration,
    table: Mutex<HashMap<AttemptId, Entry>>,
    dispatch: Mutex<Option<Arc<Dispatch>>>,
    /// Changes when work leaves the table.
    left: watch::Sender<u64>,
    /// `true` once this server ends.
    leaving: watch::Sender<bool>,
}

struct Entry {
    pipeline: PipelineName,
    external: External,
    end: watch::Sender<Option<EndCause>>,
    /// Whoever waits for a quick end.
    waiter: Option<oneshot::Sender<Ending>>,
    ended: Option<Ending>,
    task: AbortHandle,
    on_shut_down: OnShutDown,
}

/// What becomes of work when the server shuts down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnShutDown {
    /// It is ended and reported as interrupted.
    End,
    /// It is dropped where it stands, for a later server to go on with.
    Leave,
}

impl InFlight {
    /// Work whose start waits up to `patience` for its end.
    pub fn with_patience(patience: Duration) -> Self {
        let (table, dispatch, left) = (Mutex::default(), Mutex::default(), watch::Sender::default());
        let leaving = watch::Sender::default();
        Self(Arc::new(Shared { patience, table, dispatch, left, leaving }))
    }

    /// Becomes `true` when this server ends.
    pub(crate) fn leaving(&self) -> watch::Receiver<bool> {
        self.0.leaving.subscribe()
    }

    /// Says to whom ends are reported.
    pub fn report_to(&self, dispatch: Arc<Dispatch>) {
        *self.0.dispatch.lock().unwrap_or_else(PoisonError::into_inner) = Some(dispatch);
    }

    /// Begins `work` unless the attempt's work runs already, and waits a moment for its end.
    pub async fn begin<F>(
        &self,
        pipeline: &PipelineName,
        attempt: &AttemptId,
        external: External,
        on_shut_down: OnShutDown,
        work: impl FnOnce(EndSignal) -> F,
    ) -> Begun
    where
        F: Future<Output = Ending> + Send + 'static,
    {
        let (waiter, ended) = oneshot::channel();
        let (end, signal) = watch::channel(None);
        {
            let mut table = self.lock();
            if let Some(entry) = table.get(attempt) {
                return entry
                    .ended
                    .clone()
                    .map_or_else(|| Begun::Running(entry.external.clone()), Begun::Ended);
            }
            let work = work(EndSignal(signal));
            let task = tokio::spawn(self.clone().carry(attempt.clone(), work));
            let (pipeline, external, waiter, task) =
                (pipeline.clone(), external.clone(), Some(waiter), task.abort_handle());
            table.insert(
                attempt.clone(),
                Entry { pipeline, external, end, waiter, ended: None, task, on_shut_down },
            );
        }
        let mut ended = ended;
        match tokio::time::timeout(self.0.patience, &mut ended).await {
            Ok(Ok(ending)) => return Begun::Ended(ending),
            Ok(Err(_)) => return Begun::Running(external),
            Err(_) => {}
        }
        // It may have ended between the time-out and here; afterwards it reports its end itself.
        if let Some(entry) = self.lock().get_mut(attempt) {
            entry.waiter = None;
        }
        ended.try_recv().map_or(Begun::Running(external), Begun::Ended)
    }

    /// What is known of an attempt's work.
    pub fn observe(&self, attempt: &AttemptId) -> Observation {
        match self.lock().get(attempt) {
            None => Observation::Gone,
            Some(Entry { ended: Some(ending), .. }) => Observation::Ended(ending.clone()),
            Some(_) => Observation::Running,
        }
    }

    /// Asks an attempt's work to end.
    pub fn cancel(&self, attempt: &AttemptId) -> Observation {
        if let Some(entry) = self.lock().get(attempt) {
            entry.ask(EndCause::Cancelled);
        }
        self.observe(attempt)
    }

    /// Ends or drops everything and waits until what was ended is reported.
    pub async fn shut_down(&self) {
        self.0.leaving.send_replace(true);
        self.lock().retain(|_, entry| match entry.on_shut_down {
            OnShutDown::Leave => {
                entry.task.abort();
                false
            }
            OnShutDown::End => {
                entry.ask(EndCause::ShutDown);
                true
            }
        });
        let mut left = self.0.left.subscribe();
        let all = async {
            while !self.lock().is_empty() {
                if left.changed().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(FAREWELL, all).await.is_err() {
            tracing::warn!("some work has not ended in time; the next start takes care of it");
        }
    }

    /// Drops everything where it stands, as a crash would, and reports no more.
    pub(crate) fn abandon(&self) {
        self.0.leaving.send_replace(true);
        self.0.dispatch.lock().unwrap_or_else(PoisonError::into_inner).take();
        for (_, entry) in self.lock().drain() {
            entry.task.abort();
        }
    }

    async fn carry(self, attempt: AttemptId, work: impl Future<Output = Ending>) {
        let mut ending = caught(work).await;
        let pipeline = {
            let mut table = self.lock();
            let Some(entry) = table.get_mut(&attempt) else { return };
            if ending == Ending::Cancelled && *entry.end.borrow() == Some(EndCause::ShutDown) {
                ending = Ending::Interrupted { message: "the server was shut down".into() };
            }
            let pipeline = entry.pipeline.clone();
            let unheard = match entry.waiter.take() {
                Some(waiter) => waiter.send(ending.clone()).is_err(),
                None => true,
            };
            if !unheard {
                table.remove(&attempt);
                drop(table);
                self.0.left.send_modify(|count| *count += 1);
                return;
            }
            entry.ended = Some(ending.clone());
            pipeline
        };
        self.report(&pipeline, &attempt, ending).await;
        self.lock().remove(&attempt);
        self.0.left.send_modify(|count| *count += 1);
    }

    /// Reports until it succeeds or cannot: the state goes on owing an answer.
    async fn report(&self, pipeline: &PipelineName, attempt: &AttemptId, ending: Ending) {
        let Some(dispatch) = self.0.dispatch.lock().unwrap_or_else(PoisonError::into_inner).clone() else {
            return;
        };
        let mut pause = Duration::from_millis(100);
        loop {
            match dispatch.report(pipeline, attempt, ending.clone()).await {
                Ok(()) => return,
                Err(error) if error.is_retryable() => {
                    tracing::warn!(%attempt, "its end could not be reported yet: {error}");
                }
                Err(error) => {
                    tracing::error!(%attempt, "its end could not be reported: {error}");
                    return;
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AttemptId, Entry>> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of `work`. A panic in it is a failure: without an end its attempt would look as if it ran for ever.
async fn caught(work: impl Future<Output = Ending>) -> Ending {
    let mut work = pin!(work);
    poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))).unwrap_or_else(|_| {
            let message = "a defect of Penstock ended the work (the server's own output has the panic); report it, then retry the stage";
            let error = AttemptError::new(ErrorCode::SystemUnavailable, message);
            Poll::Ready(Ending::Failed { error, external: None })
        })
    })
    .await
}

impl Entry {
    fn ask(&self, cause: EndCause) {
        self.end.send_if_modified(|asked| {
            let first = asked.is_none();
            asked.get_or_insert(cause);
            first
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(number: u32) -> AttemptId {
        format!("2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Build/Unit/{number}").parse().unwrap()
    }

    fn external() -> External {
        External { id: "1".into(), url: None }
    }

    async fn begin<F: Future<Output = Ending> + Send + 'static>(
        flight: &InFlight,
        work: impl FnOnce(EndSignal) -> F,
    ) -> Begun {
        let pipeline = PipelineName::new("web").unwrap();
        flight.begin(&pipeline, &attempt(1), external(), OnShutDown::End, work).await
    }

    #[tokio::test]
    async fn a_quick_end_comes_with_the_start() {
        let flight = InFlight::default();
        let begun = begin(&flight, |_| async { Ending::Cancelled }).await;
        assert_eq!(begun, Begun::Ended(Ending::Cancelled));
        assert_eq!(flight.observe(&attempt(1)), Observation::Gone);
    }

    #[tokio::test]
    async fn slow_work_runs_once_and_ends_when_asked() {
        let flight = InFlight::with_patience(Duration::ZERO);
        let ends = |end: EndSignal| async move {
            end.asked().await;
            Ending::Cancelled
        };
        assert_eq!(begin(&flight, ends).await, Begun::Running(external()));
        assert_eq!(begin(&flight, ends).await, Begun::Running(external()));
        assert_eq!(flight.observe(&attempt(1)), Observation::Running);
        assert_eq!(flight.cancel(&attempt(2)), Observation::Gone);
        flight.cancel(&attempt(1));
        flight.shut_down().await;
        assert_eq!(flight.observe(&attempt(1)), Observation::Gone);
    }

    #[tokio::test]
    async fn shutting_down_interrupts() {
        let flight = InFlight::default();
        let inner = flight.clone();
        let begun = begin(&flight, |end| async move {
            tokio::spawn(async move { inner.shut_down().await });
            end.asked().await;
            Ending::Cancelled
        });
        let Begun::Ended(Ending::Interrupted { message }) = begun.await else { panic!("not interrupted") };
        assert_eq!(message, "the server was shut down");
    }

    #[tokio::test]
    async fn a_panic_is_a_failure() {
        let flight = InFlight::default();
        let begun = begin(&flight, |_| async { panic!("a defect") }).await;
        assert!(matches!(begun, Begun::Ended(Ending::Failed { .. })), "{begun:?}");
        assert_eq!(flight.observe(&attempt(1)), Observation::Gone);
    }
}
