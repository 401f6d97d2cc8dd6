//! The `sweeper` function: every minute it wakes what is due, redrives dead letters and measures; once an hour it looks
//! for lost pushes, once a day it cleans up.

mod handler;

use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use penstock_app::clean_up::CleanUp;
use penstock_app::port::PortError;
use penstock_app::port::clock::{Clock, SystemClock};
use penstock_app::port::queue::Queue;
use penstock_app::reconcile::Reconciliation;
use penstock_aws::clean_up::BucketObjects;
use penstock_aws::dead_letters::DeadLetters;
use penstock_aws::environment::{optional, required};
use penstock_aws::queue::SqsQueue;
use penstock_aws::sdk::Sdk;
use penstock_aws::secrets::AwsSecrets;
use penstock_aws::store::TableStore;
use penstock_aws::telemetry;
use penstock_github::api::DEFAULT_BASE_URL;
use penstock_github::branches::GitHubBranches;
use penstock_github::redeliveries::GitHubRedeliveries;

use handler::{Asked, Handler};

/// How long one try of a call may take, and all of them: less than the function has, so that a try that hangs is followed
/// by another.
const CALL: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15));

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::log();
    let sdk = Sdk::of_function()?.within(CALL.0, CALL.1);
    let store = Arc::new(TableStore::new(&sdk, &required("TABLE_NAME")?));
    let queue: Arc<dyn Queue> = Arc::new(SqsQueue::from_environment(&sdk)?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let objects = Arc::new(BucketObjects::new(&sdk, &required("ARTIFACT_BUCKET")?));
    let handler = Arc::new(Handler {
        dead_letters: letters(&sdk, "DEAD_LETTER_QUEUE_URLS")?.with_commands(&required("COMMAND_QUEUE_URL")?),
        other_letters: letters(&sdk, "OTHER_LETTER_QUEUE_URLS")?,
        reconciliation: reconciliation(&sdk, &store, &queue),
        clean_up: CleanUp::new(store.clone(), objects, store.clone(), queue.clone(), clock.clone()),
        store,
        queue,
        clock,
    });
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Asked>| {
        let handler = Arc::clone(&handler);
        async move { handler.sweep(event.payload).await }
    }))
    .await
}

fn letters(sdk: &Sdk, variable: &str) -> Result<DeadLetters, PortError> {
    Ok(DeadLetters::new(sdk, required(variable)?.split(',').map(str::to_owned).collect()))
}

/// Branches of public repositories; with a token, of those that it may read, and deliveries that failed.
fn reconciliation(sdk: &Sdk, store: &Arc<TableStore>, queue: &Arc<dyn Queue>) -> Reconciliation {
    let api = optional("GITHUB_API_URL").unwrap_or_else(|| DEFAULT_BASE_URL.to_owned());
    let branches = GitHubBranches::new(api.clone());
    let Some(token) = optional("GITHUB_TOKEN_ARN") else {
        return Reconciliation::new(store.clone(), Arc::new(branches), queue.clone());
    };
    let secrets = Arc::new(AwsSecrets::with_parameters(sdk));
    let branches = branches.with_token_from(secrets.clone(), &token);
    let reconciliation = Reconciliation::new(store.clone(), Arc::new(branches), queue.clone());
    match optional("WEBHOOK_URL") {
        Some(url) => {
            let redeliveries = GitHubRedeliveries::new(api, secrets, &token, url);
            reconciliation.redelivering(Arc::new(redeliveries))
        }
        None => reconciliation,
    }
}
