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

use handler::{AT_MOST, Handler};

/// How long one try of a call may take, and all of them: an answer is due after 800 ms, and a try that hangs leaves room for
/// another. At 256 MB a function has a seventh of a processor: what is 1 ms of work takes 7 ms. A first try resolves a name,
/// opens a connection in three round trips, reads the root certificates and checks those of the service: by estimate 10 ms of
/// work, so 70 to 100 ms before the request is sent, and a slow `SendMessage` or `GetSecretValue` takes 100 to 200 ms more.
/// 300 ms would cut off the slowest of those, and the repetition would open a connection anew. A delivery that is not
/// queued in time is answered with 503: GitHub lists it as failed, and the sweeper finds what it carried.
const CALL: (Duration, Duration) = (Duration::from_millis(450), Duration::from_millis(750));

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::log();
    let sdk = Sdk::of_function()?.within(CALL.0, CALL.1);
    let handler = Arc::new(Handler {
        secret: required("WEBHOOK_SECRET_ARN")?,
        secrets: Arc::new(AwsSecrets::with_parameters(&sdk)),
        queue: Arc::new(SqsQueue::from_environment(&sdk)?),
        patience: AT_MOST,
    });
    lambda_http::run(service_fn(move |request: Request| {
        let handler = Arc::clone(&handler);
        async move { handler.answer(&request).await }
    }))
    .await
}
