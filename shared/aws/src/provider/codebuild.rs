//! The `CodeBuild` provider: builds and tests of a project, with source and artifacts in S3.
//!
//! Source and artifacts are overridden in every build, whatever the project says: projects made for `CodePipeline` refuse
//! `StartBuild` otherwise. `StartBuild` takes the attempt's token for five minutes; whoever takes an expired claim over
//! looks for a build with the attempt's id among its environment variables first. Every build sees `PENSTOCK_ATTEMPT`,
//! `PENSTOCK_EXECUTION_ID`, `PENSTOCK_PIPELINE` and `PENSTOCK_SOURCE_VERSION`, the revision that `CODEBUILD_RESOLVED_SOURCE_VERSION`
//! holds under `CodePipeline` (that variable itself is `CodeBuild`'s and has the version of the S3 object).

use async_trait::async_trait;
use penstock_app::engine::state::External;
use penstock_app::port::PortError;
use penstock_app::port::provider::{Begun, Observation, Provider, Work};

use crate::access::Access;
use crate::attempt_log::AttemptLogs;
use crate::offered::codebuild::is_batch;
use crate::provider::settings::optional;

mod batches;
mod builds;
mod configuration;
mod console;
mod destination;
mod failure;
mod log;
mod outputs;
pub(crate) mod plan;
mod request;
pub(crate) mod runner;

use runner::Runner;

/// Performs `CodeBuild` actions: owner `AWS`, category `Build` or `Test`, provider `CodeBuild`.
pub struct CodeBuild(Runner);

impl CodeBuild {
    /// Builds under the roles that `access` gives. Artifacts go to `bucket` unless the pipeline has a store of its own;
    /// the ends of logs go to `logs`.
    pub fn new(access: Access, bucket: impl Into<String>, logs: AttemptLogs) -> Self {
        Self(Runner::new(access, bucket.into(), logs))
    }
}

#[async_trait]
impl Provider for CodeBuild {
    async fn start(&self, work: &Work, taken_over: bool) -> Result<Begun, PortError> {
        let begun = match configuration::plan(work) {
            Ok(plan) => self.0.start(work, plan, taken_over).await,
            Err(failure) => Err(failure),
        };
        begun.or_else(|failure| failure.begun(taken_over))
    }

    async fn observe(&self, work: &Work, external: &External) -> Result<Observation, PortError> {
        self.0.observe(work, is_batch(&work.action), external).await
    }

    async fn cancel(&self, work: &Work, external: Option<&External>) -> Result<Observation, PortError> {
        let project = optional(work, "ProjectName").unwrap_or_default();
        self.0.cancel(work, project, is_batch(&work.action), external).await
    }

    async fn discard(&self, work: &Work, spare: &External) -> Result<(), PortError> {
        self.cancel(work, Some(spare)).await.map(drop)
    }
}
