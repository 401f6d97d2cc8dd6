//! The `api` function: CodePipeline's API and the dashboard, for callers whose signature API Gateway has checked.

mod handler;

use std::sync::Arc;
use std::time::Duration;

use lambda_http::Error;
use penstock_app::admission::Admission;
use penstock_app::approvals::Approvals;
use penstock_app::base_url::BaseUrl;
use penstock_app::control::Control;
use penstock_app::jobs::Jobs;
use penstock_app::port::clock::{Clock, SystemClock};
use penstock_app::query::Query;
use penstock_aws::approval_key::approval_key;
use penstock_aws::attempt_log::AttemptLogs;
use penstock_aws::default_role::DefaultRoleProviders;
use penstock_aws::environment::required;
use penstock_aws::offered::Offered;
use penstock_aws::offered::network::Network;
use penstock_aws::queue::{QueueUrls, SqsQueue};
use penstock_aws::remote_transition::RemoteTransition;
use penstock_aws::sdk::Sdk;
use penstock_aws::secrets::AwsSecrets;
use penstock_aws::store::TableStore;
use penstock_aws::telemetry;
use penstock_web::Web;
use tokio::sync::watch;

/// How long one try of a call may take, and all of them; a command is given to `transition` once and may take it all. Less
/// than the function has, so that a try that hangs is followed by another and a person gets an answer.
const CALL: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(25));

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::log();
    let sdk = Sdk::of_function()?.within(CALL.0, CALL.1);
    lambda_http::run(handler::router(web(&sdk).await?)).await
}

async fn web(sdk: &Sdk) -> Result<Web, Error> {
    let url = required("BASE_URL")?;
    let base_url = BaseUrl::new(&url);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Arc::new(TableStore::new(sdk, &required("TABLE_NAME")?));
    let commands = Arc::new(RemoteTransition::new(sdk, required("TRANSITION_FUNCTION")?));
    let key = approval_key(&AwsSecrets::new(sdk), &required("APPROVAL_KEY_ARN")?).await?;
    let approvals =
        Approvals::new(key, store.clone(), store.clone(), commands.clone(), clock.clone(), base_url);
    let approvals = Arc::new(approvals);
    let offered = Offered::new(sdk.region(), DefaultRoleProviders::from_environment()?)
        .with_network(Network::from_environment());
    let admission = Arc::new(Admission::new(commands.clone(), Arc::new(offered)));
    let logs = Arc::new(AttemptLogs::new(sdk, required("ARTIFACT_BUCKET")?));
    // Nothing changes state in this process: whoever asks is not kept waiting.
    let (_, no_changes) = watch::channel(0);
    let query = Query::new(store.clone(), store.clone(), approvals.clone(), logs, no_changes);
    let queue = SqsQueue::new(
        sdk,
        QueueUrls { actions: Some(required("ACTION_QUEUE_URL")?), ..QueueUrls::default() },
    );
    let jobs = Jobs::new(store.clone(), store.clone(), commands.clone(), Arc::new(queue));
    let control = Control::new(commands, store, admission, approvals.clone(), clock);
    // Signed requests come to the API's own address, links to the one that people were given.
    let hosts = [required("API_ENDPOINT")?, url];
    Ok(Web {
        control: Arc::new(control.with_default_branch(required("DEFAULT_BRANCH")?)),
        query: Arc::new(query),
        jobs: Arc::new(jobs),
        approvals,
        webhooks: None,
        sites: None,
        hosts: hosts.iter().filter_map(|url| handler::host(url)).collect(),
        account: required("ACCOUNT_ID")?,
        region: sdk.region().to_owned(),
    })
}
