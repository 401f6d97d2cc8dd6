//! The `sweeper` function: every minute it wakes what is due, redrives dead letters and measures.

mod handler;

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use penstock_app::port::clock::SystemClock;
use penstock_aws::dead_letters::DeadLetters;
use penstock_aws::environment::required;
use penstock_aws::queue::SqsQueue;
use penstock_aws::sdk::Sdk;
use penstock_aws::store::TableStore;
use penstock_aws::telemetry;
use serde_json::Value;

use handler::Handler;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::log();
    let sdk = Sdk::load().await;
    let queues = required("DEAD_LETTER_QUEUE_URLS")?.split(',').map(str::to_owned).collect();
    let handler = Arc::new(Handler {
        store: Arc::new(TableStore::new(&sdk, &required("TABLE_NAME")?)),
        queue: Arc::new(SqsQueue::from_environment(&sdk)?),
        dead_letters: DeadLetters::new(&sdk, queues),
        clock: Arc::new(SystemClock),
    });
    lambda_runtime::run(service_fn(move |_: LambdaEvent<Value>| {
        let handler = Arc::clone(&handler);
        async move { handler.sweep().await }
    }))
    .await
}
