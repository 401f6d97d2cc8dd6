//! Where workers' reports go: to `transition` at once where it is in the same process, else to its queue.

use std::sync::Arc;

use async_trait::async_trait;
use penstock_engine::command::Command;
use penstock_engine::rejection::Rejection;

use crate::error::AppError;
use crate::port::queue::{Message, Queue};
use crate::transition::Transition;

/// Takes workers' reports; once taken, a report is not lost.
#[async_trait]
pub trait Reports: Send + Sync {
    /// Takes `report`. One that comes too late to matter is taken too.
    ///
    /// # Errors
    /// [`AppError`] if it was not taken: whoever gives it has to try again.
    async fn take(&self, report: Command) -> Result<(), AppError>;
}

/// Carries the report out at once; if that fails for now, leaves it to the queue.
#[async_trait]
impl Reports for Transition {
    async fn take(&self, report: Command) -> Result<(), AppError> {
        match self.carry_out(report.clone()).await {
            Ok(outcome) => match outcome.reply.rejection {
                None | Some(Rejection::Stale) => Ok(()),
                Some(rejection) => Err(rejection.into()),
            },
            Err(error) if error.is_retryable() => {
                tracing::warn!(command = %report.id, %error, "a report waits in the queue");
                Ok(self.hand_over(report).await?)
            }
            Err(error) => Err(error),
        }
    }
}

/// Sends reports to the queue of `transition`: for workers that may not write state.
pub struct QueuedReports(pub Arc<dyn Queue>);

#[async_trait]
impl Reports for QueuedReports {
    async fn take(&self, report: Command) -> Result<(), AppError> {
        Ok(self.0.send(vec![Message::Command { command: report }]).await?)
    }
}
