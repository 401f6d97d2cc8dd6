//! The `notification` function: tells people and other systems what the table's records say.

mod handler;
mod late_approvals;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use penstock_app::base_url::BaseUrl;
use penstock_app::notify::Notify;
use penstock_app::port::PortError;
use penstock_app::reach::Reach;
use penstock_aws::approvers::ApproverTable;
use penstock_aws::attempt_log::AttemptLogs;
use penstock_aws::environment::{optional, required};
use penstock_aws::event_bus::EventBus;
use penstock_aws::sdk::Sdk;
use penstock_aws::secrets::AwsSecrets;
use penstock_aws::store::TableStore;
use penstock_aws::telemetry;
use penstock_aws::told::ToldTable;
use penstock_aws::topics::Topics;
use penstock_aws::untold::Untold;
use penstock_github::api::DEFAULT_BASE_URL;
use penstock_github::status::GitHubStatuses;

use handler::{Batch, Handler};
use late_approvals::LateApprovals;

/// How long before its time is over the function tells no more, to put aside what was not told.
const FAREWELL: Duration = Duration::from_secs(15);
/// How long one try of a call may take, and all of them: less than the function has, so that a try that hangs is followed
/// by another.
const CALL: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(25));
/// The same of a call that puts aside what was not told: within [`FAREWELL`].
const PUT_ASIDE: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(10));

/// Nothing outside is asked before there is something to tell: what fails then keeps nobody from being told of the rest.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::log();
    let sdk = Sdk::of_function()?.within(CALL.0, CALL.1);
    let untold =
        Box::new(Untold::new(&sdk.within(PUT_ASIDE.0, PUT_ASIDE.1), required("NOTIFICATION_QUEUE_URL")?));
    let handler = Arc::new(Handler { notify: notify(&sdk)?, untold });
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Batch>| {
        let (handler, time) = (Arc::clone(&handler), time_to_tell(&event.context));
        async move { Ok::<_, Error>(handler.handle(event.payload, time).await) }
    }))
    .await
}

fn time_to_tell(context: &Context) -> Duration {
    let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    left.saturating_sub(FAREWELL)
}

fn notify(sdk: &Sdk) -> Result<Notify, PortError> {
    let table = required("TABLE_NAME")?;
    let failures = required("FAILURE_TOPIC_ARN")?;
    let account = required("ACCOUNT_ID")?;
    let secrets = Arc::new(AwsSecrets::with_parameters(sdk));
    let store = Arc::new(TableStore::new(sdk, &table));
    let approvals = LateApprovals {
        secrets: secrets.clone(),
        key: required("APPROVAL_KEY_ARN")?,
        store: store.clone(),
        approvers: Arc::new(ApproverTable::new(sdk, &table)),
        base_url: BaseUrl::new(&required("BASE_URL")?),
    };
    let reach = Reach::Signed(required("STACK_NAME")?);
    let topics = Topics::new(sdk, required("APPROVAL_TOPIC_ARN")?, failures);
    let mut notify = Notify::new(store, Arc::new(approvals), Arc::new(topics), reach)
        .with_told(Arc::new(ToldTable::new(sdk, &table)))
        .with_logs(Arc::new(AttemptLogs::new(sdk, required("ARTIFACT_BUCKET")?)));
    if let Some(token) = optional("GITHUB_TOKEN_ARN") {
        let api = optional("GITHUB_API_URL").unwrap_or_else(|| DEFAULT_BASE_URL.to_owned());
        notify = notify.with_statuses(Arc::new(GitHubStatuses::new(api, secrets, token)));
    }
    if let Some(bus) = optional("EVENT_BUS_NAME") {
        notify = notify.with_state_changes(Arc::new(EventBus::new(sdk, bus, account)));
    }
    Ok(notify)
}
