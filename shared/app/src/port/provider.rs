//! What performs actions: one implementation a provider.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use penstock_engine::state::{AttemptError, External, RevisionOverride, TriggerCause};
use penstock_model::artifact::{Artifact, Revision};
use penstock_model::diagnostic::Diagnostic;
use penstock_model::id::{ActionName, ArtifactName, AttemptId, DefinitionVersion, PipelineName};
use penstock_model::pipeline::{Action, ActionType, Pipeline};
use penstock_model::stores::Stores;
use penstock_model::time::Timestamp;
use tokio::sync::Notify;

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

    /// As [`Self::start`], for work that goes on while it starts and can be left at any step: it ends early, as
    /// [`Ending::Cancelled`], once `stop` is asked for. Other work is ended by [`Self::cancel`] alone.
    ///
    /// # Errors
    /// As [`Self::start`].
    async fn start_until(&self, work: &Work, taken_over: bool, _stop: &Stop) -> Result<Begun, PortError> {
        self.start(work, taken_over).await
    }

    /// Makes ready for work that is about to be begun, so that `start` need not. The commit that says so is still
    /// under way: `start` with the same work follows in a moment, or never. Nothing of the work itself may run, and
    /// nothing may be done that somebody else sees or that would have to be undone.
    fn anticipate(&self, _work: &Work) {}

    /// Carries out work that nobody has heard of yet, so that the commit that tells of it tells of its end too. Only for
    /// work of which nothing is seen outside, and which would do no harm if it were never told of; only what ends well,
    /// and in a moment. `None`: it begins once it is owed, as other work does.
    async fn ahead(&self, _work: &Work) -> Option<Done> {
        None
    }

    /// Asks what became of the work.
    async fn observe(&self, work: &Work, external: &External) -> Result<Observation, PortError>;

    /// Ends the work if it runs. [`Observation::Ended`] or [`Observation::Gone`] confirm the cancellation.
    async fn cancel(&self, work: &Work, external: Option<&External>) -> Result<Observation, PortError>;

    /// Ends `spare`, which was begun beside the attempt's work, and nothing else. There is nothing to end where repeated
    /// starts meet in the same work.
    async fn discard(&self, _work: &Work, _spare: &External) -> Result<(), PortError> {
        Ok(())
    }
}

/// Whether work that starts is still wanted.
#[derive(Debug, Default)]
pub struct Stop {
    is_asked: AtomicBool,
    news: Notify,
}

impl Stop {
    /// Asks for it.
    pub fn ask(&self) {
        self.is_asked.store(true, Ordering::SeqCst);
        self.news.notify_waiters();
    }

    /// Waits until it is asked for.
    pub async fn asked(&self) {
        let news = self.news.notified();
        tokio::pin!(news);
        // From here on no news is missed.
        news.as_mut().enable();
        if !self.is_asked.load(Ordering::SeqCst) {
            news.await;
        }
    }

    /// Carries `start` out unless it is asked for first; then what was begun is dropped as it is.
    ///
    /// # Errors
    /// As `start` has it.
    pub async fn or(
        &self,
        start: impl Future<Output = Result<Begun, PortError>>,
    ) -> Result<Begun, PortError> {
        tokio::select! {
            begun = start => begun,
            () = self.asked() => Ok(Begun::Ended(Ending::Cancelled)),
        }
    }
}

/// An attempt with everything resolved that its provider needs.
#[derive(Debug, Clone, PartialEq)]
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
    /// The revisions of the execution, for what a person reads and for [`Self::source_version`].
    pub revisions: BTreeMap<ActionName, Revision>,
    /// The artifacts that sources make, with the source action of each, in the definition's order.
    pub sources: Vec<(ArtifactName, ActionName)>,
    /// What started the execution.
    pub trigger: TriggerCause,
    /// When it times out.
    pub deadline: Timestamp,
}

impl Work {
    /// The revision that a build which starts in the artifact `primary` is of, for `CODEBUILD_RESOLVED_SOURCE_VERSION`: that of
    /// the source which made it; in what an earlier action made, that of the definition's first source.
    pub fn source_version(&self, primary: Option<&ArtifactName>) -> Option<&str> {
        let is_primary = |it: &&(ArtifactName, ActionName)| Some(&it.0) == primary;
        let own = self.sources.iter().find(is_primary);
        let known = own.into_iter().chain(&self.sources).find_map(|(_, action)| self.revisions.get(action));
        known.or_else(|| self.revisions.values().next()).map(|revision| revision.id.as_str())
    }
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
