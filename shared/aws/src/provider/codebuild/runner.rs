//! Runs one build, or one batch of builds, for an attempt: `CodeBuild` and Commands actions alike.

use penstock_app::engine::state::External;
use penstock_app::port::PortError;
use penstock_app::port::provider::{Begun, Observation, Work};

use super::batches::Batches;
use super::builds::Builds;
use super::destination::Destination;
use super::plan::Plan;
use crate::access::{Access, WithoutRole};
use crate::attempt_log::AttemptLogs;
use crate::provider::failure::Failure;
use crate::sdk::Sdk;

/// Runs builds.
pub(crate) struct Runner {
    access: Access,
    bucket: String,
    logs: AttemptLogs,
}

/// What is needed to speak of one attempt's builds.
pub(super) struct Place<'a> {
    pub(super) sdk: Sdk,
    pub(super) client: aws_sdk_codebuild::Client,
    pub(super) destination: Destination,
    pub(super) logs: &'a AttemptLogs,
}

impl Runner {
    pub(crate) fn new(access: Access, bucket: String, logs: AttemptLogs) -> Self {
        Self { access, bucket, logs }
    }

    pub(crate) async fn start(&self, work: &Work, plan: Plan, taken_over: bool) -> Result<Begun, Failure> {
        let place = self.place(work).await?;
        let external = match plan.batch {
            None => Builds(&place).start(work, &plan, taken_over).await,
            Some(batch) => Batches(&place).start(work, &plan, batch, taken_over).await,
        };
        external.map(Begun::Running)
    }

    pub(crate) async fn observe(
        &self,
        work: &Work,
        batch: bool,
        external: &External,
    ) -> Result<Observation, PortError> {
        let place = self.place(work).await?;
        let found = if batch {
            Batches(&place).observe(work, external).await
        } else {
            Builds(&place).observe(work, external).await
        };
        found.or_else(|failure| failure.observed(external))
    }

    /// Ends the build. One whose start was never confirmed is looked for in `project`.
    pub(crate) async fn cancel(
        &self,
        work: &Work,
        project: &str,
        batch: bool,
        external: Option<&External>,
    ) -> Result<Observation, PortError> {
        self.stop(work, project, batch, external).await.map_err(Failure::into_port)
    }

    async fn stop(
        &self,
        work: &Work,
        project: &str,
        batch: bool,
        external: Option<&External>,
    ) -> Result<Observation, Failure> {
        let place = self.place(work).await?;
        let found = match external {
            Some(external) => Some(external.id.clone()),
            None if batch => Batches(&place).find(project, work).await?.map(|external| external.id),
            None => Builds(&place).find(project, work).await?.map(|external| external.id),
        };
        match found {
            None => Ok(Observation::Gone),
            Some(id) if batch => Batches(&place).stop(work, &id).await,
            Some(id) => Builds(&place).stop(work, &id).await,
        }
    }

    async fn place(&self, work: &Work) -> Result<Place<'_>, PortError> {
        let sdk = self.access.of(work, WithoutRole::DefaultRole).await?;
        let config = aws_sdk_codebuild::config::Builder::from(sdk.config()).interceptor(sdk.interceptor());
        let client = aws_sdk_codebuild::Client::from_conf(config.build());
        let destination = Destination::of(work, self.access.region(), &self.bucket);
        Ok(Place { sdk, client, destination, logs: &self.logs })
    }
}

impl Place<'_> {
    /// What the bucket of the artifacts is called with.
    pub(super) fn storage(&self) -> Sdk {
        self.sdk.acting_as(None, Some(&self.destination.region))
    }

    /// Keeps the end of the log for people without the provider's rights; the work's end does not depend on it.
    pub(super) async fn keep(&self, work: &Work, log: &str) {
        if let Err(error) = self.logs.write(&work.attempt, log.as_bytes()).await {
            tracing::warn!(attempt = %work.attempt, %error, "the end of the log could not be kept");
        }
    }
}
