//! What takes messages from the queue: machines' commands, deliveries and what is owed.

use std::sync::Arc;

use crate::delivery::Deliveries;
use crate::dispatch::Dispatch;
use crate::error::AppError;
use crate::port::PortError;
use crate::port::queue::Message;
use crate::transition::Transition;

/// Handles messages of the queue.
pub struct Worker {
    transition: Arc<Transition>,
    dispatch: Arc<Dispatch>,
    deliveries: Option<Arc<Deliveries>>,
}

impl Worker {
    /// A worker that gives commands to `transition` and debts to `dispatch`.
    pub fn new(transition: Arc<Transition>, dispatch: Arc<Dispatch>) -> Self {
        Self { transition, dispatch, deliveries: None }
    }

    /// The same, which gives deliveries to `deliveries`: where a webhook queues them before they are admitted.
    #[must_use]
    pub fn with_deliveries(self, deliveries: Arc<Deliveries>) -> Self {
        Self { deliveries: Some(deliveries), ..self }
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
            Message::Delivery { delivery, event } => {
                let deliveries = self.deliveries.as_ref().ok_or_else(|| {
                    PortError::permanent(format!("deliver {delivery}: this worker takes no deliveries"))
                })?;
                deliveries.deliver(&delivery, &event).await.map(drop)
            }
        }
    }
}
