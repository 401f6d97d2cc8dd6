//! The CloudFormation provider: creates, updates, replaces and deletes stacks, makes and executes change sets.
//!
//! Where the work stands is read from the stack each time: an operation of the attempt is recognised in the stack's
//! events by the attempt's token, a change set by the token in its description. Modes of several steps go on when
//! they are observed, and a step that was begun without our learning of it is found, not repeated.

use std::sync::Arc;

use async_trait::async_trait;
use penstock_app::engine::state::External;
use penstock_app::port::PortError;
use penstock_app::port::provider::{Begun, Observation, Provider, Work};

use self::stack_work::StackWork;
use super::failure::Failure;
use crate::access::{Access, WithoutRole};
use crate::artifacts::S3Artifacts;
use crate::offered::cloudformation::{Mode, Settings};

mod cancel;
mod change_sets;
mod next;
mod operation;
mod parameters;
mod request;
mod stack_work;
mod stacks;
mod status;
mod success;

/// Performs `CloudFormation` actions.
#[derive(Clone)]
pub struct CloudFormation {
    access: Access,
    artifacts: Arc<S3Artifacts>,
    without_role: WithoutRole,
}

impl CloudFormation {
    /// With input artifacts from `artifacts`; what an action without a role may do is the installation's choice.
    pub fn new(access: Access, artifacts: Arc<S3Artifacts>, without_role: WithoutRole) -> Self {
        Self { access, artifacts, without_role }
    }

    async fn stack_work<'a>(&'a self, work: &'a Work, has_begun: bool) -> Result<StackWork<'a>, Failure> {
        let settings = Settings::of(&work.action).map_err(Failure::configuration)?;
        let sdk = self.access.of(work, self.without_role.once_begun(has_begun)).await;
        let sdk = sdk.map_err(|error| Failure::from(error).unseen())?;
        let config =
            aws_sdk_cloudformation::config::Builder::from(sdk.config()).interceptor(sdk.interceptor());
        Ok(StackWork {
            work,
            settings,
            token: work.attempt.token(),
            client: aws_sdk_cloudformation::Client::from_conf(config.build()),
            artifacts: self.artifacts.of(work, &sdk),
            sdk,
        })
    }
}

#[async_trait]
impl Provider for CloudFormation {
    async fn start(&self, work: &Work, taken_over: bool) -> Result<Begun, PortError> {
        let begun = async { self.stack_work(work, taken_over).await?.go_on(None, taken_over).await };
        begun.await.map_or_else(|failure| failure.begun(taken_over), |progress| Ok(progress.into()))
    }

    async fn observe(&self, work: &Work, external: &External) -> Result<Observation, PortError> {
        let seen = async { self.stack_work(work, true).await?.go_on(Some(&external.id), true).await };
        seen.await.map_or_else(|failure| failure.observed(external), |progress| Ok(progress.into()))
    }

    async fn cancel(&self, work: &Work, external: Option<&External>) -> Result<Observation, PortError> {
        let cancelled = async {
            let stack_work = self.stack_work(work, true).await?;
            match stack_work.settings.mode {
                Mode::ChangeSetReplace => stack_work.cancel_set().await,
                Mode::CreateUpdate | Mode::ReplaceOnFailure | Mode::DeleteOnly | Mode::ChangeSetExecute => {
                    stack_work.cancel(external.map(|external| external.id.as_str())).await
                }
            }
        };
        cancelled.await.map_err(Failure::into_port)
    }
}
