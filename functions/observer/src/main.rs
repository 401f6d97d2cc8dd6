//! The `observer` function: turns providers' events, which are hints, into observations, and sources' into deliveries.

mod event;
mod handler;

use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use penstock_aws::environment::required;
use penstock_aws::locator::Locator;
use penstock_aws::queue::SqsQueue;
use penstock_aws::sdk::Sdk;
use penstock_aws::store::TableStore;
use penstock_aws::telemetry;

use event::ProviderEvent;
use handler::Handler;

/// How long one try of a call may take, and all of them: less than the function has, so that a try that hangs is followed
/// by another.
const CALL: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(12));

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::log();
    let sdk = Sdk::of_function()?.within(CALL.0, CALL.1);
    let handler = Arc::new(Handler {
        locator: Locator::new(TableStore::new(&sdk, &required("TABLE_NAME")?)),
        queue: Arc::new(SqsQueue::from_environment(&sdk)?),
    });
    lambda_runtime::run(service_fn(move |event: LambdaEvent<ProviderEvent>| {
        let handler = Arc::clone(&handler);
        async move { handler.take(&event.payload).await }
    }))
    .await
}
