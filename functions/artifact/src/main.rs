//! The `artifact` function: fetches sources into the artifact bucket.

mod handler;
mod registry;

use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use penstock_app::dispatch::Dispatch;
use penstock_app::port::clock::SystemClock;
use penstock_app::reports::QueuedReports;
use penstock_aws::debts::Debts;
use penstock_aws::environment::required;
use penstock_aws::queue::SqsQueue;
use penstock_aws::scratch::Scratch;
use penstock_aws::sdk::Sdk;
use penstock_aws::store::TableStore;
use penstock_aws::telemetry;

use registry::Registry;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::log();
    let _scratch = Scratch::of_this_process()?;
    let sdk = Sdk::of_function()?;
    let store = Arc::new(TableStore::new(&sdk, &required("TABLE_NAME")?));
    let queue = Arc::new(SqsQueue::from_environment(&sdk)?);
    let dispatch = Dispatch::new(
        Arc::new(QueuedReports(queue.clone())),
        store.clone(),
        store.clone(),
        store.clone(),
        Arc::new(Registry::from_environment(&sdk, store)?),
        Arc::new(SystemClock),
    );
    let debts = Arc::new(Debts::new(dispatch, queue));
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| {
        let debts = Arc::clone(&debts);
        async move { Ok::<_, Error>(handler::handle(&debts, event.payload).await) }
    }))
    .await
}
