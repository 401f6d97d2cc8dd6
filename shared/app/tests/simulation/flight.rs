//! Work of a process in flight: polled by hand, so that it can be interleaved with others and die at any call.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use penstock_app::error::AppError;
use penstock_app::port::queue::Message;
use penstock_model::time::Timestamp;

type Work = Pin<Box<dyn Future<Output = Result<(), AppError>>>>;

/// Something that a process is doing.
pub(crate) struct Flight {
    work: Work,
    /// The message it handles, which comes again unless it is acknowledged.
    pub(crate) message: Option<Message>,
    /// When it began, by the true clock: whatever takes too long is ended, as a function is.
    pub(crate) since: Timestamp,
}

impl Flight {
    pub(crate) fn new(
        work: impl Future<Output = Result<(), AppError>> + 'static,
        message: Option<Message>,
        since: Timestamp,
    ) -> Self {
        Self { work: Box::pin(work), message, since }
    }

    /// Goes on until the next call of a port; the result once it has ended.
    pub(crate) fn go_on(&mut self) -> Option<Result<(), AppError>> {
        match self.work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }
}
