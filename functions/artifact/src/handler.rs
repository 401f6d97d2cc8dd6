//! From messages of the queue to work that is owed, and back to those that are to be delivered again.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::FutureExt;
use penstock_app::dispatch::Dispatch;
use penstock_app::error::AppError;
use penstock_app::port::PortError;
use penstock_app::port::queue::Message;
use penstock_aws::queue::SqsQueue;

/// Carries out what is owed.
pub(crate) struct Handler {
    pub(crate) dispatch: Dispatch,
    pub(crate) mailbox: Arc<SqsQueue>,
}

impl Handler {
    /// Tells which messages are to be delivered again.
    pub(crate) async fn handle(&self, event: SqsEvent) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        for message in event.records {
            if !self.message(&message).await {
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = message.message_id.unwrap_or_default();
                response.batch_item_failures.push(failure);
            }
        }
        response
    }

    /// Whether the message is done with. One that fails comes again and at last among the dead letters; what it is
    /// about stays owed by the state meanwhile.
    async fn message(&self, message: &SqsMessage) -> bool {
        let body = message.body.as_deref().unwrap_or_default();
        match AssertUnwindSafe(self.carry_out(body)).catch_unwind().await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "work that is owed failed; it is delivered again");
                false
            }
            Err(_) => {
                tracing::error!("work that is owed panicked; it is delivered again");
                false
            }
        }
    }

    async fn carry_out(&self, body: &str) -> Result<(), AppError> {
        match self.mailbox.receive(body).await? {
            Message::Debt { pipeline, debt, category: _ } => {
                tracing::info!(%pipeline, ?debt, "owed");
                self.dispatch.carry_out(&pipeline, &debt).await
            }
            Message::Command { .. } | Message::Delivery { .. } => {
                Err(PortError::permanent("take the message: commands belong in the queue of `transition`")
                    .into())
            }
        }
    }
}
