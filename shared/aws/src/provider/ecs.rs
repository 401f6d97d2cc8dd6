//! The ECS provider: a service moves to a copy of the task definition that it uses now, with other images.
//!
//! The definition that an attempt registers carries the attempt's token as a tag, so that a repeated start converges on
//! it. `UpdateService` with the same definition changes nothing a second time.

use std::sync::Arc;

use async_trait::async_trait;
use penstock_app::engine::state::{AttemptError, ErrorCode, External};
use penstock_app::port::PortError;
use penstock_app::port::clock::Clock;
use penstock_app::port::provider::{Begun, Done, Ending, Observation, Provider, Work};

use crate::access::{Access, WithoutRole};
use crate::artifacts::S3Artifacts;
use crate::offered::ecs::{TIMEOUT, timeout};
use crate::provider::failure::Failure;
use crate::provider::input_zip::InputZip;
use crate::provider::settings::{only_input, optional};

mod images;
mod reason;
mod rollout;
mod service;
pub(crate) mod task_definition;

use rollout::Rollout;
use service::Services;

/// The largest image definitions file (`CodePipeline` quotas).
const MAX_DEFINITIONS: u64 = 100 << 10;
/// Performs `ECS` actions: owner `AWS`, category `Deploy`, provider `ECS`.
pub struct Ecs {
    access: Access,
    artifacts: Arc<S3Artifacts>,
    clock: Arc<dyn Clock>,
    without_role: WithoutRole,
}

impl Ecs {
    /// Deployments under the roles that `access` gives; image definitions are read out of `artifacts`.
    pub fn new(
        access: Access,
        artifacts: Arc<S3Artifacts>,
        clock: Arc<dyn Clock>,
        without_role: WithoutRole,
    ) -> Self {
        Self { access, artifacts, clock, without_role }
    }

    async fn begin(&self, work: &Work, taken_over: bool) -> Result<Begun, Failure> {
        timeout(optional(work, "DeploymentTimeout")).map_err(Failure::configuration)?;
        let sdk = self.access.of(work, self.without_role.once_begun(taken_over)).await?;
        let services = Services::of(&sdk, work)?;
        let service = services.describe().await?;
        service::check(&service)?;
        let now = service::task_definition_in_use(&service)?;
        let (definition, tags) = task_definition::describe(services.client(), now).await?;
        let token = work.attempt.token();
        if taken_over && let Some(ours) = services.deployment_of(&service, &token).await? {
            return Ok(Begun::Running(services.external(&ours)));
        }
        let file = optional(work, "FileName").unwrap_or("imagedefinitions.json");
        let zip = InputZip::fetch(&self.artifacts.of(work, &sdk), only_input(work)?).await?;
        let images = images::parse(file, &zip.required_text(file, MAX_DEFINITIONS).await?)?;
        let definition = images::swap(definition, &images)?;
        let arn = task_definition::register(services.client(), definition, tags, &token, taken_over).await?;
        services.update(&arn).await.map(Begun::Running)
    }

    async fn services(&self, work: &Work) -> Result<Services, Failure> {
        let sdk = self.access.of(work, WithoutRole::DefaultRole).await;
        Services::of(&sdk.map_err(|error| Failure::from(error).unseen())?, work)
    }

    async fn look(&self, work: &Work, external: &External) -> Result<Observation, Failure> {
        let services = self.services(work).await?;
        let Some(service) = services.find().await? else {
            return Ok(Observation::Gone);
        };
        let rollout = services.rollout(&service, &external.id, &work.attempt.token()).await?;
        let why = match rollout {
            Rollout::Completed => return Ok(succeeded(external)),
            Rollout::Running { begun } => match self.timed_out(work, begun) {
                None => return Ok(Observation::Running),
                Some(minutes) => format!(
                    "deployment {} has not completed within {minutes} minutes; ECS goes on with it",
                    external.id
                ),
            },
            Rollout::Failed { reason } => format!("deployment {} failed: {reason}", external.id),
            Rollout::Replaced { by, .. } => {
                format!("deployment {} was rolled back or replaced: the service uses {by}", external.id)
            }
        };
        let reason = reason::of(services.client(), &service, &external.id).await;
        Ok(failed(external, format!("{why}{reason}")))
    }

    async fn stop(&self, work: &Work, external: Option<&External>) -> Result<Observation, Failure> {
        let services = self.services(work).await?;
        let Some(service) = services.find().await? else {
            return Ok(Observation::Gone);
        };
        let token = work.attempt.token();
        let id = match external {
            Some(external) => external.id.clone(),
            None => match services.deployment_of(&service, &token).await? {
                Some(id) => id,
                None => return Ok(Observation::Gone),
            },
        };
        let external = services.external(&id);
        Ok(match services.rollout(&service, &id, &token).await? {
            Rollout::Completed => succeeded(&external),
            Rollout::Failed { reason } => failed(&external, format!("deployment {id} failed: {reason}")),
            Rollout::Replaced { settled: true, .. } => Observation::Ended(Ending::Cancelled),
            // The service is on its way back; nothing of ours runs once it is there.
            Rollout::Replaced { settled: false, .. } => Observation::Running,
            Rollout::Running { .. } => {
                services.stop().await?;
                Observation::Running
            }
        })
    }

    fn timed_out(&self, work: &Work, begun: Option<i64>) -> Option<u32> {
        let minutes = timeout(optional(work, "DeploymentTimeout")).unwrap_or(TIMEOUT);
        let passed = self.clock.now().0.saturating_sub(begun?);
        (passed > i64::from(minutes) * 60_000).then_some(minutes)
    }
}

#[async_trait]
impl Provider for Ecs {
    async fn start(&self, work: &Work, taken_over: bool) -> Result<Begun, PortError> {
        self.begin(work, taken_over).await.or_else(|failure| failure.begun(taken_over))
    }

    async fn observe(&self, work: &Work, external: &External) -> Result<Observation, PortError> {
        self.look(work, external).await.or_else(|failure| failure.observed(external))
    }

    async fn cancel(&self, work: &Work, external: Option<&External>) -> Result<Observation, PortError> {
        self.stop(work, external).await.map_err(Failure::into_port)
    }
}

fn succeeded(external: &External) -> Observation {
    Observation::Ended(Ending::Succeeded(Box::new(Done {
        external: Some(external.clone()),
        summary: Some(format!("deployment {} completed", external.id)),
        ..Done::default()
    })))
}

fn failed(external: &External, message: String) -> Observation {
    let error = AttemptError::new(ErrorCode::JobFailed, message);
    Observation::Ended(Ending::Failed { error, external: Some(external.clone()) })
}
