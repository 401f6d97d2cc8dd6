//! The `notification` function: tells people and other systems what the table's records say.

mod handler;

use std::sync::Arc;

use async_trait::async_trait;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use penstock_app::approvals::Approvals;
use penstock_app::base_url::BaseUrl;
use penstock_app::engine::command::{Command, DefineMode};
use penstock_app::error::AppError;
use penstock_app::notify::Notify;
use penstock_app::port::PortError;
use penstock_app::port::clock::SystemClock;
use penstock_app::port::commands::{Commands, Reply};
use penstock_aws::approval_key::approval_key;
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
use penstock_model::id::{CommandId, DefinitionVersion};
use penstock_model::pipeline::Pipeline;

use handler::{Batch, Handler};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::log();
    let sdk = Sdk::of_function()?;
    let untold = Box::new(Untold::new(&sdk, required("NOTIFICATION_QUEUE_URL")?));
    let handler = Arc::new(Handler { notify: notify(&sdk).await?, untold });
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Batch>| {
        let handler = Arc::clone(&handler);
        async move { Ok::<_, Error>(handler.handle(event.payload).await) }
    }))
    .await
}

async fn notify(sdk: &Sdk) -> Result<Notify, PortError> {
    let table = required("TABLE_NAME")?;
    let failures = required("FAILURE_TOPIC_ARN")?;
    let account = required("ACCOUNT_ID")?;
    let secrets = Arc::new(AwsSecrets::new(sdk));
    let store = Arc::new(TableStore::new(sdk, &table));
    let base_url = BaseUrl::new(&required("BASE_URL")?);
    let key = approval_key(secrets.as_ref(), &required("APPROVAL_KEY_ARN")?).await?;
    let (commands, clock) = (Arc::new(NoCommands), Arc::new(SystemClock));
    let approvals = Approvals::new(key, store.clone(), store.clone(), commands, clock, base_url.clone());
    let approvals = approvals.with_approvers(Arc::new(ApproverTable::new(sdk, &table)));
    let topics = Topics::new(sdk, required("APPROVAL_TOPIC_ARN")?, failures);
    let mut notify = Notify::new(store, Arc::new(approvals), Arc::new(topics), base_url)
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

/// Telling people commands nothing.
struct NoCommands;

#[async_trait]
impl Commands for NoCommands {
    async fn carry_out(&self, _command: Command) -> Result<Reply, AppError> {
        Err(PortError::permanent("carry out a command: the notification function takes none").into())
    }

    async fn define(&self, _: Pipeline, _: DefineMode, _: CommandId) -> Result<DefinitionVersion, AppError> {
        Err(PortError::permanent("define a pipeline: the notification function takes no commands").into())
    }
}
