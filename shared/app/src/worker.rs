//! What takes messages from the queue: machines' commands and what is owed.

use std::sync::Arc;

use crate::dispatch::Dispatch;
use crate::error::AppError;
use crate::port::PortError;
use crate::port::queue::Message;
use crate::transition::Transition;

/// Handles messages of the queue.
pub struct Worker {
    transition: Arc<Transition>,
    dispatch: Arc<Dispatch>,
}

impl Worker {
    /// A worker that gives commands to `transition` and debts to `dispatch`.
    pub fn new(transition: Arc<Transition>, dispatch: Arc<Dispatch>) -> Self {
        Self { transition, dispatch }
    }

    /// Handles `message`; on success it is acknowledged. A rejected command is done with.
    ///
    /// # Errors
    /// [`AppError`]: where [`AppError::is_retryable`] it is to be delivered again, otherwise it is acknowledged too:
    /// it was quarantined, or will never succeed.
    pub async fn handle(&self, message: Message) -> Result<(), AppError> {
        match message {
            Message::Command { command } => self.transition.carry_out(command).await.map(drop),
            Message::Debt { pipeline, debt, category: _ } => self.dispatch.carry_out(&pipeline, &debt).await,
            // Whoever serves a webhook with a worker admits its deliveries at once instead of queueing them.
            Message::Delivery { delivery, event: _, pipeline: _ } => {
                Err(PortError::permanent(format!("deliver {delivery}: this worker takes no deliveries"))
                    .into())
            }
        }
    }
}
