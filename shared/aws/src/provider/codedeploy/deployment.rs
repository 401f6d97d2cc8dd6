//! Deployments in `CodeDeploy`: create one, find ours, observe it, stop it (`CodeDeploy` API reference).

use std::time::Duration;

use aws_sdk_codedeploy::Client;
use aws_sdk_codedeploy::config::Builder;
use aws_sdk_codedeploy::operation::create_deployment::CreateDeploymentError;
use aws_sdk_codedeploy::operation::get_deployment::GetDeploymentError;
use aws_sdk_codedeploy::types::{DeploymentInfo, DeploymentStatus, RevisionLocation, TimeRange};
use aws_smithy_types::DateTime;
use aws_smithy_types::retry::RetryConfig;
use penstock_app::engine::state::{AttemptError, ErrorCode, External};
use penstock_app::partition::console;
use penstock_app::port::PortError;
use penstock_app::port::provider::{Done, Ending, Observation, Work};
use penstock_model::time::Timestamp;

use super::failure;
use crate::error::port_error;
use crate::provider::failure::Failure;
use crate::provider::settings::required;
use crate::sdk::Sdk;

/// How long before its deadline an attempt can have begun: a deployment's timeout, and an hour for clocks that differ.
const WINDOW: Duration = Duration::from_secs((5 * 24 + 1) * 60 * 60);
/// How many deployments one call describes.
const BATCH: usize = 25;

/// The deployments of an account in a region.
pub(super) struct Deployments {
    client: Client,
    region: String,
}

impl Deployments {
    pub(super) fn new(sdk: &Sdk) -> Self {
        let config = Builder::from(sdk.config()).interceptor(sdk.interceptor()).build();
        Self { client: Client::from_conf(config), region: sdk.region().to_owned() }
    }

    /// Creates the deployment of `work`. Not repeated by the SDK: an answer that was lost would give a second one.
    pub(super) async fn create(&self, work: &Work, revision: RevisionLocation) -> Result<External, Failure> {
        let call = self
            .client
            .create_deployment()
            .application_name(required(work, "ApplicationName")?)
            .deployment_group_name(required(work, "DeploymentGroupName")?)
            .description(description(work))
            .revision(revision);
        let once = Builder::new().retry_config(RetryConfig::disabled());
        let created = call.customize().config_override(once).send().await.map_err(|error| {
            let busy = error
                .as_service_error()
                .is_some_and(CreateDeploymentError::is_deployment_limit_exceeded_exception);
            if busy {
                let message = port_error("create the deployment", &error).message;
                return Failure::job(format!("failed to {message}; retry the stage when that has ended"));
            }
            Failure::of_call("create the deployment", &error)
        })?;
        let id = created.deployment_id.ok_or_else(|| {
            Failure::Passing(PortError::transient("create the deployment: the answer names no deployment"))
        })?;
        Ok(self.external(&id))
    }

    /// The deployment that an earlier worker created for this attempt.
    pub(super) async fn find(&self, work: &Work) -> Result<Option<String>, Failure> {
        let since = Timestamp(work.deadline.0.saturating_sub(i64::try_from(WINDOW.as_millis()).unwrap_or(0)));
        let mut pages = self
            .client
            .list_deployments()
            .application_name(required(work, "ApplicationName")?)
            .deployment_group_name(required(work, "DeploymentGroupName")?)
            .create_time_range(TimeRange::builder().start(DateTime::from_millis(since.0)).build())
            .into_paginator()
            .items()
            .send();
        let mut ids: Vec<String> = vec![];
        while let Some(id) = pages.next().await {
            ids.push(id.map_err(|error| Failure::of_look("list the deployments", &error))?);
        }
        for batch in ids.chunks(BATCH) {
            if let Some(found) = self.find_among(batch, &work.attempt.token()).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn find_among(&self, ids: &[String], token: &str) -> Result<Option<String>, Failure> {
        let described = self
            .client
            .batch_get_deployments()
            .set_deployment_ids(Some(ids.to_vec()))
            .send()
            .await
            .map_err(|error| Failure::of_look("describe the deployments", &error))?;
        let mut found = described.deployments_info.unwrap_or_default().into_iter();
        let ours = found.find(|it| it.description.as_deref().is_some_and(|text| text.contains(token)));
        Ok(ours.and_then(|it| it.deployment_id))
    }

    /// The id that `CodeDeploy`'s events carry as `deploymentId`, and the console's page.
    pub(super) fn external(&self, id: &str) -> External {
        let region = &self.region;
        let url = format!("{}/codesuite/codedeploy/deployments/{id}?region={region}", console(region));
        External { id: id.to_owned(), url: Some(url) }
    }

    pub(super) async fn observe(&self, external: &External) -> Result<Observation, PortError> {
        self.look(external).await.or_else(|failure| failure.observed(external))
    }

    async fn look(&self, external: &External) -> Result<Observation, Failure> {
        let Some(info) = self.get(&external.id).await? else {
            return Ok(Observation::Gone);
        };
        Ok(match info.status {
            Some(DeploymentStatus::Succeeded) => {
                Observation::Ended(Ending::Succeeded(Box::new(done(&info, external))))
            }
            Some(DeploymentStatus::Failed) => Observation::Ended(self.failed(&info, external).await),
            Some(DeploymentStatus::Stopped) => Observation::Ended(stopped(&info, external)),
            // Created, Queued, InProgress, Baking, Ready, and whatever else is not an end yet.
            Some(_) | None => Observation::Running,
        })
    }

    /// Stops the deployment and lets the group go back to its last good revision, as the local provider does.
    pub(super) async fn cancel(
        &self,
        work: &Work,
        external: Option<&External>,
    ) -> Result<Observation, PortError> {
        self.stop(work, external).await.map_err(Failure::into_port)
    }

    /// Stops `spare`, which was created beside the attempt's deployment: that is the one to say what the group gets, so it
    /// does not go back.
    pub(super) async fn discard(&self, spare: &External) -> Result<(), PortError> {
        match self.cancelled(spare).await.map_err(Failure::into_port)? {
            Observation::Running => self.halt(spare, false).await.map_err(Failure::into_port),
            Observation::Ended(_) | Observation::Gone => Ok(()),
        }
    }

    async fn stop(&self, work: &Work, external: Option<&External>) -> Result<Observation, Failure> {
        let external = match external {
            Some(external) => external.clone(),
            None => match self.find(work).await? {
                Some(id) => self.external(&id),
                None => return Ok(Observation::Gone),
            },
        };
        match self.cancelled(&external).await? {
            Observation::Running => {}
            known @ (Observation::Ended(_) | Observation::Gone) => return Ok(known),
        }
        self.halt(&external, true).await?;
        self.cancelled(&external).await
    }

    async fn halt(&self, external: &External, goes_back: bool) -> Result<(), Failure> {
        let stop = self.client.stop_deployment().deployment_id(&external.id).auto_rollback_enabled(goes_back);
        match stop.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(|refused| {
                    refused.is_deployment_already_completed_exception()
                        || refused.is_deployment_does_not_exist_exception()
                }) =>
            {
                Ok(())
            }
            Err(error) => Err(Failure::of_call(&format!("stop the deployment {}", external.id), &error)),
        }
    }

    /// What became of a deployment that is to be stopped: that it was stopped is what was asked for.
    async fn cancelled(&self, external: &External) -> Result<Observation, Failure> {
        let Some(info) = self.get(&external.id).await? else {
            return Ok(Observation::Gone);
        };
        match info.status {
            Some(DeploymentStatus::Stopped) => Ok(Observation::Ended(Ending::Cancelled)),
            Some(_) | None => self.look(external).await,
        }
    }

    async fn failed(&self, info: &DeploymentInfo, external: &External) -> Ending {
        let mut message = format!("deployment {} failed", external.id);
        if let Some(found) = &info.error_information {
            let code = found.code.as_ref().map_or("", |code| code.as_str());
            message.push_str(&format!(": {code}: {}", found.message.as_deref().unwrap_or_default()));
        }
        if let Some(first) = failure::first(&self.client, &external.id).await {
            message.push_str(&format!("\n{first}"));
        }
        let error = AttemptError::new(ErrorCode::JobFailed, message);
        Ending::Failed { error, external: Some(external.clone()) }
    }

    async fn get(&self, id: &str) -> Result<Option<DeploymentInfo>, Failure> {
        match self.client.get_deployment().deployment_id(id).send().await {
            Ok(found) => Ok(found.deployment_info),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetDeploymentError::is_deployment_does_not_exist_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(Failure::of_look(&format!("ask for the deployment {id}"), &error)),
        }
    }
}

/// What a person reads in the console, and what a worker that takes over looks for.
fn description(work: &Work) -> String {
    let attempt = &work.attempt;
    format!("penstock {} {} {attempt}", attempt.token(), work.pipeline)
}

fn done(info: &DeploymentInfo, external: &External) -> Done {
    let instances = info.deployment_overview.as_ref().map_or(0, |overview| overview.succeeded);
    let started = info.start_time.or(info.create_time).and_then(|moment| moment.to_millis().ok());
    Done {
        variables: [("DeploymentId".to_owned(), external.id.clone())].into(),
        external: Some(external.clone()),
        summary: Some(format!("deployment {} to {instances} targets", external.id)),
        started_at: started.map(Timestamp),
        ..Done::default()
    }
}

/// Stopped by somebody else than us.
fn stopped(info: &DeploymentInfo, external: &External) -> Ending {
    let why = info.error_information.as_ref().and_then(|found| found.message.as_deref());
    let message = format!("deployment {} was stopped: {}", external.id, why.unwrap_or("no reason was given"));
    let error = AttemptError::new(ErrorCode::JobFailed, message);
    Ending::Failed { error, external: Some(external.clone()) }
}
