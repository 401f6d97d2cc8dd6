//! What an approver sees and decides, by a link that needs no login.

use std::sync::Arc;

use penstock_engine::command::{Command, Request};
use penstock_engine::rejection::Rejection;
use penstock_engine::state::Verdict;
use penstock_model::artifact::{Artifact, Revision};
use penstock_model::id::{ActionName, AttemptId, PipelineName, StageName};
use penstock_model::time::Timestamp;

use crate::base_url::BaseUrl;
use crate::error::AppError;
use crate::nonce::fresh_command;
use crate::port::PortError;
use crate::port::clock::Clock;
use crate::port::outputs::Outputs;
use crate::port::store::{Snapshot, Store};
use crate::transition::Transition;

mod outcome;
mod present;
mod token;

pub(crate) use outcome::{became, decided};
pub(crate) use present::waiting_behind;
pub use token::ApprovalKey;

/// Approvals by link, and the tokens of both kinds.
pub struct Approvals {
    key: ApprovalKey,
    store: Arc<dyn Store>,
    outputs: Arc<dyn Outputs>,
    transition: Arc<Transition>,
    clock: Arc<dyn Clock>,
    base_url: BaseUrl,
}

/// What an approver needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalView {
    /// The attempt that waits.
    pub attempt: AttemptId,
    /// The pipeline.
    pub pipeline: PipelineName,
    /// The stage.
    pub stage: StageName,
    /// The action.
    pub action: ActionName,
    /// What the definition says to the approver, references resolved.
    pub custom_data: Option<String>,
    /// What the definition asks the approver to look at, references resolved.
    pub external_link: Option<String>,
    /// Since when it waits.
    pub requested_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// The revision of the first source action.
    pub commit: Option<Revision>,
    /// Who wrote that revision, where the source says so.
    pub author: Option<String>,
    /// The artifacts that the execution has produced or carries.
    pub artifacts: Vec<Artifact>,
    /// How many executions wait behind this one before the stage.
    pub waiting_behind: u32,
    /// What started the execution, in words.
    pub trigger: String,
    /// What follows an approval, in words: the deployments of this stage and the next.
    pub will_do: Vec<String>,
    /// The verdict, once there is one.
    pub verdict: Option<Verdict>,
}

/// Why an approval cannot be shown or decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalError {
    /// We never wrote this link.
    #[error("there is no such approval; open the link exactly as it was sent")]
    Unknown,
    /// It was decided, expired or stopped.
    #[error("this approval has been settled: {0}")]
    Settled(String),
    /// The verdict was not accepted for another reason, such as a comment that is too long.
    #[error(transparent)]
    Rejected(Rejection),
    /// Something outside failed; the same may succeed later.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl From<AppError> for ApprovalError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Rejected(Rejection::ApprovalSettled { outcome }) => Self::Settled(outcome),
            AppError::Rejected(rejection) => Self::Rejected(rejection),
            AppError::NotFound(_) => Self::Unknown,
            AppError::Refused(_) => Self::Port(PortError::permanent(error.to_string())),
            AppError::Busy(message) => Self::Port(PortError::transient(message)),
            AppError::Port(error) => Self::Port(error),
        }
    }
}

impl Approvals {
    /// Approvals whose tokens come from `key` and whose links begin with `base_url`.
    pub fn new(
        key: ApprovalKey,
        store: Arc<dyn Store>,
        outputs: Arc<dyn Outputs>,
        transition: Arc<Transition>,
        clock: Arc<dyn Clock>,
        base_url: BaseUrl,
    ) -> Self {
        Self { key, store, outputs, transition, clock, base_url }
    }

    /// The token of the link for `attempt`.
    pub fn link_token(&self, attempt: &AttemptId) -> String {
        self.key.link_token(attempt)
    }

    /// The token of `CodePipeline`'s API for `attempt`, a UUID.
    pub fn api_token(&self, attempt: &AttemptId) -> String {
        self.key.api_token(attempt)
    }

    /// Whether `token` is the API's token for `attempt`, in constant time.
    pub fn is_api_token(&self, attempt: &AttemptId, token: &str) -> bool {
        self.key.is_api_token(attempt, token)
    }

    /// The link for `attempt`: an absolute URL.
    pub fn link(&self, attempt: &AttemptId) -> String {
        self.base_url.join(&format!("/approvals/{}", self.link_token(attempt)))
    }

    /// Shows the approval behind a link; changes nothing.
    ///
    /// # Errors
    /// [`ApprovalError::Unknown`] and [`ApprovalError::Settled`] as they say; [`ApprovalError::Port`].
    pub async fn open(&self, link_token: &str) -> Result<ApprovalView, ApprovalError> {
        let (attempt, pipeline) = self.find(link_token).await?;
        let snapshot = self.store.load(&pipeline, std::slice::from_ref(&attempt.execution)).await?;
        if let Some(outcome) = became(&snapshot.state, &attempt, self.clock.now()) {
            return Err(ApprovalError::Settled(outcome));
        }
        self.view(&snapshot, attempt).await
    }

    /// Gives the verdict of `by` on the approval behind a link.
    ///
    /// # Errors
    /// As [`Self::open`]; [`ApprovalError::Rejected`] if the comment is too long.
    pub async fn decide(
        &self,
        link_token: &str,
        approved: bool,
        by: &str,
        comment: &str,
    ) -> Result<ApprovalView, ApprovalError> {
        let (attempt, pipeline) = self.find(link_token).await?;
        self.give(&pipeline, &attempt, approved, by, comment).await?;
        let snapshot = self.store.load(&pipeline, std::slice::from_ref(&attempt.execution)).await?;
        self.view(&snapshot, attempt).await
    }

    /// Gives a verdict on `attempt` and says when it was taken.
    pub(crate) async fn give(
        &self,
        pipeline: &PipelineName,
        attempt: &AttemptId,
        approved: bool,
        by: &str,
        comment: &str,
    ) -> Result<Timestamp, AppError> {
        let request = Request::Decide {
            attempt: attempt.clone(),
            approved,
            by: by.to_owned(),
            comment: comment.to_owned(),
        };
        let id = fresh_command("verdict", self.clock.as_ref())?;
        let outcome = self
            .transition
            .carry_out(Command { id, pipeline: pipeline.clone(), request })
            .await?
            .accepted()?;
        let execution = outcome.state.executions.get(&attempt.execution);
        let taken = execution
            .and_then(|execution| execution.attempt(attempt))
            .and_then(|found| found.verdict.as_ref());
        Ok(taken.map_or_else(|| self.clock.now(), |verdict| verdict.at))
    }

    async fn find(&self, link_token: &str) -> Result<(AttemptId, PipelineName), ApprovalError> {
        let attempt = self.key.read_link(link_token).ok_or(ApprovalError::Unknown)?;
        let pipeline = self.store.pipeline_of(&attempt.execution).await?.ok_or(ApprovalError::Unknown)?;
        Ok((attempt, pipeline))
    }

    async fn view(&self, snapshot: &Snapshot, attempt: AttemptId) -> Result<ApprovalView, ApprovalError> {
        present::view(snapshot, self.outputs.as_ref(), attempt).await?.ok_or(ApprovalError::Unknown)
    }
}
