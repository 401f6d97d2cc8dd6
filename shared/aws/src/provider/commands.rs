//! The Commands provider: a list of shell commands, run on a `CodeBuild` project of the installation.
//!
//! The commands become data of a buildspec. They run under the service role of that project, whatever the action's role
//! is: `StartBuild` is what that role is for. A variable's value reaches a command as environment only.

use async_trait::async_trait;
use penstock_app::engine::state::External;
use penstock_app::port::PortError;
use penstock_app::port::provider::{Begun, Observation, Provider, Work};

use super::codebuild::runner::Runner;
use crate::access::Access;
use crate::attempt_log::AttemptLogs;
use crate::offered::network::Network;

mod buildspec;
mod declaration;

/// Performs Commands actions: owner `AWS`, category `Compute`, provider `Commands`.
pub struct Commands {
    runner: Runner,
    project: String,
    network: Network,
}

impl Commands {
    /// Commands on the `CodeBuild` project `project`; artifacts and logs as [`super::codebuild::CodeBuild::new`] has them.
    pub fn new(
        access: Access,
        bucket: impl Into<String>,
        logs: AttemptLogs,
        project: impl Into<String>,
    ) -> Self {
        let runner = Runner::new(access, bucket.into(), logs);
        Self { runner, project: project.into(), network: Network::default() }
    }

    /// The same on a project that is in `network`.
    #[must_use]
    pub fn in_network(self, network: Network) -> Self {
        Self { network, ..self }
    }
}

#[async_trait]
impl Provider for Commands {
    async fn start(&self, work: &Work, taken_over: bool) -> Result<Begun, PortError> {
        let begun = match declaration::plan(work, &self.project, &self.network) {
            Ok(plan) => self.runner.start(work, plan, taken_over).await,
            Err(failure) => Err(failure),
        };
        begun.or_else(|failure| failure.begun(taken_over))
    }

    async fn observe(&self, work: &Work, external: &External) -> Result<Observation, PortError> {
        self.runner.observe(work, false, external).await
    }

    async fn cancel(&self, work: &Work, external: Option<&External>) -> Result<Observation, PortError> {
        self.runner.cancel(work, &self.project, false, external).await
    }

    async fn discard(&self, work: &Work, spare: &External) -> Result<(), PortError> {
        self.cancel(work, Some(spare)).await.map(drop)
    }
}
