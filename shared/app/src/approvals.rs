//! What an approver sees and decides, by a link that needs no login.

use std::sync::Arc;

use async_trait::async_trait;
use penstock_engine::rejection::Rejection;
use penstock_engine::state::Verdict;
use penstock_model::artifact::{Artifact, Revision};
use penstock_model::id::{ActionName, AttemptId, PipelineName, StageName};
use penstock_model::plain;
use penstock_model::time::Timestamp;

use crate::base_url::BaseUrl;
use crate::error::AppError;
use crate::port::PortError;
use crate::port::approvers::{Approver, ApproverName, Approvers, Generation};
use crate::port::clock::Clock;
use crate::port::commands::Commands;
use crate::port::outputs::Outputs;
use crate::port::store::{Snapshot, Store};

mod outcome;
mod present;
mod token;
mod verdict;

pub(crate) use outcome::became;
pub(crate) use present::waiting_behind;
pub use token::ApprovalKey;
use token::{Link, Own};

/// The longest name that a person may type, in characters.
pub const MAX_TYPED_NAME: usize = 64;

/// What is said of an approval that no action follows.
pub const NOTHING_FOLLOWS: &str = "No action follows before the next approval or the end of the pipeline.";

/// Approvals by link, and the tokens of both kinds.
pub struct Approvals {
    key: ApprovalKey,
    store: Arc<dyn Store>,
    outputs: Arc<dyn Outputs>,
    commands: Arc<dyn Commands>,
    clock: Arc<dyn Clock>,
    base_url: BaseUrl,
    approvers: Option<Arc<dyn Approvers>>,
}

/// Gives the approvals, whose links follow from a key that may not be readable for a while: what needs no link goes on
/// without them.
#[async_trait]
pub trait ApprovalsAtHand: Send + Sync {
    /// The approvals; the error of whoever keeps their key.
    async fn approvals(&self) -> Result<Arc<Approvals>, PortError>;
}

#[async_trait]
impl ApprovalsAtHand for Arc<Approvals> {
    async fn approvals(&self) -> Result<Arc<Approvals>, PortError> {
        Ok(Self::clone(self))
    }
}

/// What an approver needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalView {
    /// The attempt that waits.
    pub attempt: AttemptId,
    /// Whose link it was opened by; `None`: a shared one, whose verdict is recorded under the name that is typed.
    pub approver: Option<ApproverName>,
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
    /// The topic that the definition asks on besides (`NotificationArn`), references resolved.
    pub topic: Option<String>,
    /// Since when it waits.
    pub requested_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// The revisions that the execution carries, those that its start named first.
    pub revisions: Vec<SourceRevision>,
    /// The artifacts that the execution has produced or carries.
    pub artifacts: Vec<Artifact>,
    /// How many executions wait behind this one before the stage.
    pub waiting_behind: u32,
    /// What started the execution, in words.
    pub trigger: String,
    /// What follows an approval, in words: the actions up to the next approval.
    pub will_do: Vec<String>,
}

/// A revision and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRevision {
    /// The source action that pinned it.
    pub source: ActionName,
    /// The revision.
    pub revision: Revision,
}

/// A verdict that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The pipeline.
    pub pipeline: PipelineName,
    /// The attempt that waited for it.
    pub attempt: AttemptId,
    /// The verdict.
    pub verdict: Verdict,
}

/// Why an approval cannot be shown or decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalError {
    /// We never wrote this link.
    #[error("there is no such approval; open the link exactly as it was sent")]
    Unknown,
    /// We wrote this link for an approver who is not asked any more, or gets another.
    #[error("this link decides nothing any more; ask for a newer one")]
    NotAsked,
    /// It was decided, expired or stopped.
    #[error("this approval has been settled: {0}")]
    Settled(String),
    /// The verdict was not accepted for another reason, such as a comment that is too long.
    #[error(transparent)]
    Rejected(Rejection),
    /// Something outside failed, before anything was decided; the same may succeed later.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A verdict was given, and nobody can say whether it was taken: the link opened again shows it.
    #[error(transparent)]
    NotKnown(PortError),
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
        commands: Arc<dyn Commands>,
        clock: Arc<dyn Clock>,
        base_url: BaseUrl,
    ) -> Self {
        Self { key, store, outputs, commands, clock, base_url, approvers: None }
    }

    /// Asks those of `approvers` by name, and takes a verdict by their own link only while they are among them, since
    /// that link was sent, and are asked about its pipeline.
    #[must_use]
    pub fn with_approvers(mut self, approvers: Arc<dyn Approvers>) -> Self {
        self.approvers = Some(approvers);
        self
    }

    /// The approvers who are asked by name, if this installation has such.
    pub(crate) fn approvers(&self) -> Option<&dyn Approvers> {
        self.approvers.as_deref()
    }

    /// The token of the shared link for `attempt`.
    pub fn link_token(&self, attempt: &AttemptId) -> String {
        self.key.link_token(&Link { attempt: attempt.clone(), own: None })
    }

    /// The token of `CodePipeline`'s API for `attempt`, a UUID.
    pub fn api_token(&self, attempt: &AttemptId) -> String {
        self.key.api_token(attempt)
    }

    /// Whether `token` is the API's token for `attempt`, in constant time.
    pub(crate) fn is_api_token(&self, attempt: &AttemptId, token: &str) -> bool {
        self.key.is_api_token(attempt, token)
    }

    /// The shared link for `attempt`: an absolute URL.
    pub fn link(&self, attempt: &AttemptId) -> String {
        self.base_url.join(&format!("/approvals/{}", self.link_token(attempt)))
    }

    /// The link for `attempt` that is the own one of `approver`, who was added as `generation`: an absolute URL.
    pub fn link_of(
        &self,
        attempt: &AttemptId,
        approver: &ApproverName,
        generation: Option<&Generation>,
    ) -> String {
        let own = Own { approver: approver.clone(), generation: generation.cloned() };
        let link = Link { attempt: attempt.clone(), own: Some(own) };
        self.base_url.join(&format!("/approvals/{}", self.key.link_token(&link)))
    }

    /// What the link whose token this is asks about, and whose link it is; `None` if we never wrote it. Nothing is asked.
    pub fn attempt_of(&self, link_token: &str) -> Option<(AttemptId, Option<ApproverName>)> {
        self.key.read_link(link_token).map(|Link { attempt, own }| (attempt, own.map(|own| own.approver)))
    }

    /// Shows the approval behind a link; changes nothing.
    ///
    /// # Errors
    /// [`ApprovalError::Unknown`] and [`ApprovalError::Settled`] as they say; [`ApprovalError::Port`].
    pub async fn open(&self, link_token: &str) -> Result<ApprovalView, ApprovalError> {
        let (Link { attempt, own }, pipeline) = self.find(link_token).await?;
        let snapshot = self.store.load(&pipeline, std::slice::from_ref(&attempt.execution)).await?;
        if let Some(outcome) = became(&snapshot.state, &attempt, self.clock.now()) {
            return Err(ApprovalError::Settled(outcome));
        }
        self.view(&snapshot, attempt, own.map(|own| own.approver)).await
    }

    /// Gives a verdict on the approval behind a link. It is recorded under the name of the approver whose link it is;
    /// by a shared link under `by`, the name that the person typed, as `Jo (claimed)`.
    ///
    /// # Errors
    /// As [`Self::open`]; [`ApprovalError::Rejected`] if the comment is too long, or the link is shared and `by` is
    /// empty or longer than [`MAX_TYPED_NAME`]; [`ApprovalError::NotKnown`] if the verdict may have been taken.
    pub async fn decide(
        &self,
        link_token: &str,
        approved: bool,
        by: &str,
        comment: &str,
    ) -> Result<Decided, ApprovalError> {
        let (Link { attempt, own }, pipeline) = self.find(link_token).await?;
        let by = match own {
            Some(Own { approver, generation: _ }) => approver.to_string(),
            None => claimed(by).map_err(ApprovalError::Rejected)?,
        };
        match self.give(&pipeline, &attempt, approved, &by, comment).await {
            Ok(verdict) => Ok(Decided { pipeline, attempt, verdict }),
            Err(AppError::Port(error)) => Err(ApprovalError::NotKnown(error)),
            Err(error) => Err(error.into()),
        }
    }

    async fn find(&self, link_token: &str) -> Result<(Link, PipelineName), ApprovalError> {
        let link = self.key.read_link(link_token).ok_or(ApprovalError::Unknown)?;
        let pipeline = self.store.pipeline_of(&link.attempt.execution).await?;
        let pipeline = pipeline.ok_or(ApprovalError::Unknown)?;
        if let (Some(own), Some(approvers)) = (&link.own, &self.approvers)
            && !approvers.list().await?.iter().any(|approver| is_whose(own, approver, &pipeline))
        {
            return Err(ApprovalError::NotAsked);
        }
        Ok((link, pipeline))
    }

    async fn view(
        &self,
        snapshot: &Snapshot,
        attempt: AttemptId,
        approver: Option<ApproverName>,
    ) -> Result<ApprovalView, ApprovalError> {
        let view = present::view(snapshot, self.outputs.as_ref(), attempt, approver).await?;
        view.ok_or(ApprovalError::Unknown)
    }

    /// The approval `attempt` as it stands, whether it waits or not; `None` if there is no such attempt.
    pub(crate) async fn look(
        &self,
        pipeline: &PipelineName,
        attempt: &AttemptId,
    ) -> Result<Option<ApprovalView>, PortError> {
        let snapshot = self.store.load(pipeline, std::slice::from_ref(&attempt.execution)).await?;
        present::view(&snapshot, self.outputs.as_ref(), attempt.clone(), None).await
    }
}

/// Whether `approver` is whose link that is, added as they were when it was sent, and is asked about `pipeline` still.
fn is_whose(own: &Own, approver: &Approver, pipeline: &PipelineName) -> bool {
    let Own { approver: name, generation } = own;
    approver.name == *name && approver.generation == *generation && approver.is_asked_about(pipeline)
}

/// What a typed name is recorded as: nobody has checked it.
fn claimed(typed: &str) -> Result<String, Rejection> {
    let shown = plain::line(typed);
    let name = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    match name.chars().count() {
        1..=MAX_TYPED_NAME => Ok(format!("{name} (claimed)")),
        _ => Err(Rejection::Invalid {
            problem: format!(
                "type your name, 1 to {MAX_TYPED_NAME} characters; it is recorded with the verdict"
            ),
        }),
    }
}
