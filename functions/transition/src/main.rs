//! The `transition` function: takes commands from its queue and from direct calls, and alone writes state.

mod handler;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use penstock_app::admission::Admission;
use penstock_app::delivery::Deliveries;
use penstock_app::port::clock::{Clock, SystemClock};
use penstock_app::port::repository::NoRepository;
use penstock_app::transition::Transition;
use penstock_aws::default_role::DefaultRoleProviders;
use penstock_aws::environment::required;
use penstock_aws::offered::Offered;
use penstock_aws::offered::network::Network;
use penstock_aws::queue::{CommandDeadLetters, GaveWay, SqsQueue};
use penstock_aws::sdk::Sdk;
use penstock_aws::store::TableStore;
use penstock_aws::telemetry;
use penstock_model::time::Timestamp;

use handler::Handler;
use watched::Watched;

/// How long one try of a call may take, and all of them: less than the function has, so that a try that hangs is followed
/// by another.
const CALL: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(12));

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::log();
    let sdk = Sdk::of_function()?.within(CALL.0, CALL.1);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Arc::new(TableStore::new(&sdk, &required("TABLE_NAME")?));
    let queue = Arc::new(SqsQueue::from_environment(&sdk)?);
    let transition = Arc::new(Transition::new(store.clone(), queue.clone(), clock.clone()));
    let commands = Arc::new(Watched { transition, clock: clock.clone() });
    let offered = Offered::new(sdk.region(), DefaultRoleProviders::from_environment()?)
        .with_network(Network::from_environment());
    let admission = Arc::new(Admission::new(commands.clone(), Arc::new(offered)));
    let deliveries =
        Deliveries::new(admission, store.clone(), Arc::new(NoRepository)).handing_over(queue.clone());
    let dead_letters = CommandDeadLetters::new(&sdk, required("COMMAND_DEAD_LETTERS_URL")?);
    let handler = Arc::new(Handler {
        commands,
        deliveries,
        store: store.clone(),
        mailbox: queue,
        dead_letters: Box::new(dead_letters),
        tries: store,
        gave_way: GaveWay::default(),
        clock,
    });
    lambda_runtime::run(service_fn(move |event: LambdaEvent<handler::Input>| {
        let handler = Arc::clone(&handler);
        let until = Timestamp(i64::try_from(event.context.deadline).unwrap_or(i64::MAX));
        async move { handler.handle(event.payload, until).await }
    }))
    .await
}
