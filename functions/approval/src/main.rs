//! The `approval` function: approval pages, for people with a link.

mod handler;

use std::sync::Arc;
use std::time::Duration;

use lambda_http::Error;
use penstock_app::approvals::Approvals;
use penstock_app::base_url::BaseUrl;
use penstock_app::port::clock::SystemClock;
use penstock_aws::approval_key::approval_key;
use penstock_aws::approvers::ApproverTable;
use penstock_aws::environment::required;
use penstock_aws::remote_transition::RemoteTransition;
use penstock_aws::sdk::Sdk;
use penstock_aws::secrets::AwsSecrets;
use penstock_aws::store::TableStore;
use penstock_aws::telemetry;

/// How long one try of a call may take, and all of them; a verdict is given to `transition` once and may take it all. Less
/// than the function has, so that a try that hangs is followed by another and a person gets an answer.
const CALL: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(25));

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::log();
    let sdk = Sdk::of_function()?.within(CALL.0, CALL.1);
    let table = required("TABLE_NAME")?;
    let store = Arc::new(TableStore::new(&sdk, &table));
    let commands = Arc::new(RemoteTransition::new(&sdk, required("TRANSITION_FUNCTION")?));
    let key = approval_key(&AwsSecrets::new(&sdk), &required("APPROVAL_KEY_ARN")?).await?;
    let base_url = BaseUrl::new(&required("BASE_URL")?);
    let approvals = Approvals::new(key, store.clone(), store, commands, Arc::new(SystemClock), base_url)
        .with_approvers(Arc::new(ApproverTable::new(&sdk, &table)));
    lambda_http::run(handler::router(Arc::new(approvals))).await
}
