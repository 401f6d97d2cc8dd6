//! The `webhook` function: checks a delivery's signature, queues it, answers.

mod handler;

use std::sync::Arc;
use std::time::Duration;

use lambda_http::{Error, Request, service_fn};
use penstock_aws::environment::required;
use penstock_aws::queue::SqsQueue;
use penstock_aws::sdk::Sdk;
use penstock_aws::secrets::AwsSecrets;
use penstock_aws::telemetry;

use handler::Handler;

/// How long one try of a call may take, and all of them: an answer is due after 900 ms, and a try that hangs leaves room for
/// another.
const CALL: (Duration, Duration) = (Duration::from_millis(300), Duration::from_millis(850));

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::log();
    let sdk = Sdk::of_function()?.within(CALL.0, CALL.1);
    let handler = Arc::new(Handler {
        secret: required("WEBHOOK_SECRET_ARN")?,
        secrets: Arc::new(AwsSecrets::new(&sdk)),
        queue: Arc::new(SqsQueue::from_environment(&sdk)?),
    });
    lambda_http::run(service_fn(move |request: Request| {
        let handler = Arc::clone(&handler);
        async move { handler.answer(&request).await }
    }))
    .await
}
