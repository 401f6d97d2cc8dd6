//! From messages of the queue to work that is owed, and back to those that are to be delivered again.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use penstock_aws::debts::Debts;

/// Tells which messages are to be delivered again.
pub(crate) async fn handle(debts: &Debts, event: SqsEvent) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        if !debts.take(message.body.as_deref().unwrap_or_default()).await {
            response.add_failure(message.message_id.unwrap_or_default());
        }
    }
    response
}
