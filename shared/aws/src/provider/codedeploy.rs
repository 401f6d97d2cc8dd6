//! The `CodeDeploy` provider: an artifact deployed by an application's deployment group.
//!
//! `CreateDeployment` takes no idempotency token: the attempt's token stands in the deployment's description, and whoever
//! takes an expired claim over looks for it first. The call is never repeated by the SDK.

use std::sync::Arc;

use async_trait::async_trait;
use penstock_app::engine::state::External;
use penstock_app::port::PortError;
use penstock_app::port::provider::{Begun, Observation, Provider, Work};

use crate::access::{Access, WithoutRole};
use crate::artifacts::S3Artifacts;
use crate::provider::failure::Failure;
use crate::provider::settings::only_input;

mod appspec;
mod deployment;
mod failure;
#[cfg(feature = "ecs")]
mod to_ecs;

use deployment::Deployments;
#[cfg(feature = "ecs")]
pub use to_ecs::CodeDeployToEcs;

/// Performs `CodeDeploy` actions: owner `AWS`, category `Deploy`, provider `CodeDeploy`.
pub struct CodeDeploy {
    access: Access,
    artifacts: Arc<S3Artifacts>,
    without_role: WithoutRole,
}

impl CodeDeploy {
    /// Deployments under the roles that `access` gives; appspecs are read out of `artifacts`.
    pub fn new(access: Access, artifacts: Arc<S3Artifacts>, without_role: WithoutRole) -> Self {
        Self { access, artifacts, without_role }
    }

    async fn begin(&self, work: &Work, taken_over: bool) -> Result<Begun, Failure> {
        let sdk = self.access.of(work, self.without_role.once_begun(taken_over)).await?;
        let deployments = Deployments::new(&sdk);
        if taken_over && let Some(found) = deployments.find(work).await? {
            return Ok(Begun::Running(deployments.external(&found)));
        }
        let input = only_input(work)?;
        let revision = appspec::revision(&self.artifacts.of(work, &sdk), input).await?;
        deployments.create(work, revision).await.map(Begun::Running)
    }

    async fn deployments(&self, work: &Work) -> Result<Deployments, PortError> {
        Ok(Deployments::new(&self.access.of(work, WithoutRole::DefaultRole).await?))
    }
}

#[async_trait]
impl Provider for CodeDeploy {
    async fn start(&self, work: &Work, taken_over: bool) -> Result<Begun, PortError> {
        self.begin(work, taken_over).await.or_else(|failure| failure.begun(taken_over))
    }

    async fn observe(&self, work: &Work, external: &External) -> Result<Observation, PortError> {
        self.deployments(work).await?.observe(external).await
    }

    async fn cancel(&self, work: &Work, external: Option<&External>) -> Result<Observation, PortError> {
        self.deployments(work).await?.cancel(work, external).await
    }

    async fn discard(&self, work: &Work, spare: &External) -> Result<(), PortError> {
        self.deployments(work).await?.discard(spare).await
    }
}
