//! What performs actions: one implementation a provider.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use penstock_engine::state::{AttemptError, External, RevisionOverride, TriggerCause};
use penstock_model::artifact::{Artifact, Revision};
use penstock_model::diagnostic::Diagnostic;
use penstock_model::id::{ActionName, AttemptId, DefinitionVersion, PipelineName};
use penstock_model::pipeline::{Action, ActionType, Pipeline};
use penstock_model::stores::Stores;
use penstock_model::time::Timestamp;

use super::PortError;

/// Performs the actions of one provider.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Begins the work under the attempt's token. Called once an attempt, except after an expired claim, when
    /// `taken_over` is true and the provider is looked at first: nothing is ever started blindly twice.
    ///
    /// # Errors
    /// A retryable error is tried again by a later dispatch; a permanent one fails the attempt.
    async fn start(&self, work: &Work, taken_over: bool) -> Result<Begun, PortError>;

    /// Asks what became of the work.
    async fn observe(&self, work: &Work, external: &External) -> Result<Observation, PortError>;

    /// Ends the work if it runs. [`Observation::Ended`] or [`Observation::Gone`] confirm the cancellation.
    async fn cancel(&self, work: &Work, external: Option<&External>) -> Result<Observation, PortError>;
}

/// An attempt with everything resolved that its provider needs.
#[derive(Debug, Clone)]
pub struct Work {
    /// The attempt; its token is the idempotency key.
    pub attempt: AttemptId,
    /// The pipeline.
    pub pipeline: PipelineName,
    /// The definition version that the execution pins.
    pub definition: DefinitionVersion,
    /// The action, its configuration's `#{...}` resolved.
    pub action: Action,
    /// The role under which it runs: its own, else its pipeline's; `None`: the installation's default.
    pub role_arn: Option<String>,
    /// Where its pipeline keeps artifacts; `None`: in the installation's default store.
    pub artifact_store: Option<Stores>,
    /// Its input artifacts, in the action's order.
    pub inputs: Vec<Artifact>,
    /// For a source action: the revision that was asked for.
    pub revision_override: Option<RevisionOverride>,
    /// The revisions of the execution, for what a person reads and for `CODEBUILD_RESOLVED_SOURCE_VERSION`.
    pub revisions: BTreeMap<ActionName, Revision>,
    /// What started the execution.
    pub trigger: TriggerCause,
    /// When it times out.
    pub deadline: Timestamp,
}

/// What starting led to.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun {
    /// It runs; its end is reported later, or observed.
    Running(External),
    /// It has ended already.
    Ended(Ending),
}

/// What a look at the provider found.
#[derive(Debug, Clone, PartialEq)]
pub enum Observation {
    /// It runs.
    Running,
    /// It has ended.
    Ended(Ending),
    /// The provider knows nothing of it, and nothing of it runs.
    Gone,
}

/// How work ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// Well.
    Succeeded(Box<Done>),
    /// Badly.
    Failed {
        /// Why.
        error: AttemptError,
        /// The provider's id of the work.
        external: Option<External>,
    },
    /// Its worker died; its processes are gone: attempt it again as a new attempt.
    Interrupted {
        /// What is known.
        message: String,
    },
    /// It was cancelled and nothing of it runs any more.
    Cancelled,
}

/// What successful work hands on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Done {
    /// Its artifacts, already stored.
    pub artifacts: Vec<Artifact>,
    /// Its output variables.
    pub variables: BTreeMap<String, String>,
    /// The revision that a source action pinned.
    pub revision: Option<Revision>,
    /// The provider's id of the work.
    pub external: Option<External>,
    /// What a person reads in one line.
    pub summary: Option<String>,
    /// When it began.
    pub started_at: Option<Timestamp>,
}

/// The providers of one installation.
pub trait Providers: Send + Sync {
    /// The provider for a kind of action.
    fn find(&self, action: &ActionType) -> Option<Arc<dyn Provider>>;

    /// What of `pipeline` this installation cannot perform, with the way out; asked before an execution starts.
    fn refuse(&self, pipeline: &Pipeline) -> Vec<Diagnostic>;
}
