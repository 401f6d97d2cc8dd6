//! From a batch of the table's stream to what is told of each record, and back to what is delivered again.

use penstock_app::notify::Notify;
use penstock_app::port::PortError;
use penstock_app::port::store::Record;
use penstock_aws::store::record_from_image;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A batch of the stream (Lambda developer guide, "Using AWS Lambda with Amazon DynamoDB").
#[derive(Debug, Deserialize)]
pub(crate) struct Batch {
    #[serde(rename = "Records")]
    records: Vec<StreamRecord>,
}

#[derive(Debug, Deserialize)]
struct StreamRecord {
    dynamodb: Change,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    sequence_number: String,
    /// Absent when an item was deleted.
    #[serde(default)]
    new_image: Option<Value>,
}

/// What is to be delivered again.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

/// Tells what records say.
pub(crate) struct Handler {
    pub(crate) notify: Notify,
}

impl Handler {
    /// Every record is told, whatever becomes of those before it. The stream then delivers again what lies behind the
    /// first failure; who was told by then is not told again.
    pub(crate) async fn handle(&self, batch: Batch) -> Answer {
        let mut batch_item_failures = vec![];
        for StreamRecord { dynamodb: Change { sequence_number, new_image } } in batch.records {
            if !self.take(new_image.as_ref()).await {
                batch_item_failures.push(Failure { item_identifier: sequence_number });
            }
        }
        Answer { batch_item_failures }
    }

    /// Whether the image is done with.
    async fn take(&self, image: Option<&Value>) -> bool {
        match image.map(record_from_image).transpose().map(Option::flatten) {
            Ok(None) => true,
            Ok(Some(record)) => self.tell(&record).await,
            Err(PortError { message, .. }) => {
                tracing::error!("a record cannot be told: failed to {message}");
                false
            }
        }
    }

    async fn tell(&self, record: &Record) -> bool {
        let execution = record.execution.as_ref().map(penstock_model::id::ExecutionId::as_str);
        let Err(error) = self.notify.tell(record).await else {
            tracing::info!(pipeline = %record.pipeline, execution, version = record.version, "told");
            return true;
        };
        for attempt in record.events.iter().filter_map(|event| event.fact.attempt()) {
            let (stage, action, number) = (&attempt.stage, &attempt.action, attempt.number);
            tracing::warn!(pipeline = %record.pipeline, execution, %stage, %action, attempt = number, "concerned");
        }
        tracing::error!(pipeline = %record.pipeline, execution, version = record.version, %error, retryable = error.is_retryable(), "not everybody was told");
        false
    }
}
