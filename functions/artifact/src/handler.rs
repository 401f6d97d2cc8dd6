//! From messages of the queue to work that is owed, and back to those that are to be delivered again.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use penstock_app::port::clock::{Clock, SystemClock};
use penstock_aws::debts::Debts;
use penstock_aws::telemetry::count_failure;

/// Tells which messages are to be delivered again.
pub(crate) async fn handle(debts: &Debts, event: SqsEvent) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        if !debts.take(message.body.as_deref().unwrap_or_default()).await {
            count_failure(SystemClock.now());
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.message_id.unwrap_or_default();
            response.batch_item_failures.push(failure);
        }
    }
    response
}
