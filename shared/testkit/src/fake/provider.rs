//! A provider that does as it is told, and notices when it is told to start the same attempt twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::provider::{Begun, Done, Ending, Observation, Provider, Providers, Stop, Work};
use penstock_engine::state::{AttemptError, ErrorCode, External};
use penstock_model::artifact::{Artifact, Revision};
use penstock_model::diagnostic::Diagnostic;
use penstock_model::id::AttemptId;
use penstock_model::pipeline::{ActionType, Category, Pipeline};

use super::locked;

/// How an attempt goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Conduct {
    /// It succeeds at once, with all that its action promises.
    Succeeds,
    /// It ends at once.
    Ends(Ending),
    /// It runs until [`FakeProvider::finish`].
    Runs,
    /// Its start goes on until it is stopped.
    Lasts,
    /// Starting it fails, for now or for good; nothing has begun.
    Refuses(PortError),
}

type Script = dyn Fn(&Work) -> Conduct + Send + Sync;

/// A provider for all kinds of actions.
pub struct FakeProvider {
    script: Box<Script>,
    works: Mutex<BTreeMap<AttemptId, Known>>,
    twice: Mutex<Vec<AttemptId>>,
    goes_ahead: bool,
    /// What went ahead; whether it is ever told of, others say.
    ahead: Mutex<BTreeMap<AttemptId, Ending>>,
}

#[derive(Debug, Clone)]
struct Known {
    work: Work,
    ending: Option<Ending>,
    cancelled: bool,
    lasts: bool,
}

/// Everything succeeds at once.
impl Default for FakeProvider {
    fn default() -> Self {
        Self::new(|_| Conduct::Succeeds)
    }
}

impl FakeProvider {
    /// A provider whose attempts go as `script` says when they start.
    pub fn new(script: impl Fn(&Work) -> Conduct + Send + Sync + 'static) -> Self {
        let (works, twice, ahead) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { script: Box::new(script), works, twice, goes_ahead: false, ahead }
    }

    /// The same, which carries sources out ahead where `goes_ahead`.
    #[must_use]
    pub fn going_ahead(self, goes_ahead: bool) -> Self {
        Self { goes_ahead, ..self }
    }

    /// The work that runs.
    pub fn running(&self) -> Vec<Work> {
        let works = locked(&self.works);
        works.values().filter(|known| known.ending.is_none()).map(|known| known.work.clone()).collect()
    }

    /// All work that was ever started, in the order of the attempts.
    pub fn started(&self) -> Vec<Work> {
        locked(&self.works).values().map(|known| known.work.clone()).collect()
    }

    /// How the work ended, if it was started, or went ahead, and has ended.
    pub fn ending(&self, attempt: &AttemptId) -> Option<Ending> {
        match locked(&self.works).get(attempt) {
            Some(known) => known.ending.clone(),
            None => locked(&self.ahead).get(attempt).cloned(),
        }
    }

    /// Whether somebody asked to end the work.
    pub fn is_cancelled(&self, attempt: &AttemptId) -> bool {
        locked(&self.works).get(attempt).is_some_and(|known| known.cancelled)
    }

    /// The attempts that were started again without a look at what was there: must stay empty.
    pub fn started_twice(&self) -> Vec<AttemptId> {
        locked(&self.twice).clone()
    }

    /// Ends running work; the caller reports it, or leaves it to be observed.
    pub fn finish(&self, attempt: &AttemptId, ending: Ending) {
        if let Some(known) = locked(&self.works).get_mut(attempt).filter(|known| known.ending.is_none()) {
            known.ending = Some(ending);
        }
    }

    /// Loses running work without a trace, as a machine that dies does.
    pub fn lose(&self, attempt: &AttemptId) {
        locked(&self.works).remove(attempt);
    }

    /// The success that the action of `work` promises: its artifacts, variables if it has a namespace, a revision if
    /// it is a source.
    pub fn success(work: &Work) -> Ending {
        let artifacts = work.action.output_artifacts.iter().map(|output| Artifact {
            name: output.name.clone(),
            bucket: "memory".to_owned(),
            key: format!("{}/{}/{}.zip", work.pipeline, work.attempt, output.name),
            version_id: None,
            sha256: "0".repeat(64),
            size: 22,
        });
        let is_source = work.action.action_type_id.category == Category::Source;
        let asked = work.revision_override.as_ref().map(|asked| asked.value.clone());
        let commit = asked.unwrap_or_else(|| "c0ffee00".to_owned());
        let (summary, author) = (Some("Brew".to_owned()), Some("Ada".to_owned()));
        let revision = Revision { id: commit.clone(), summary, url: None, author };
        let mut variables = BTreeMap::new();
        if work.action.namespace.is_some() {
            variables.insert("CommitId".to_owned(), commit);
            variables.insert("Attempt".to_owned(), work.attempt.to_string());
        }
        Ending::Succeeded(Box::new(Done {
            artifacts: artifacts.collect(),
            variables,
            revision: is_source.then_some(revision),
            external: Some(external(&work.attempt)),
            summary: Some("done".to_owned()),
            started_at: None,
        }))
    }

    /// A failure with this message.
    pub fn failure(message: &str) -> Ending {
        let error = AttemptError::new(ErrorCode::JobFailed, message);
        Ending::Failed { error, external: None }
    }
}

fn external(attempt: &AttemptId) -> External {
    External { id: attempt.token(), url: None }
}

fn begun(known: &Known) -> Begun {
    match &known.ending {
        Some(ending) => Begun::Ended(ending.clone()),
        None => Begun::Running(external(&known.work.attempt)),
    }
}

#[async_trait]
impl Provider for FakeProvider {
    async fn start(&self, work: &Work, taken_over: bool) -> Result<Begun, PortError> {
        let mut works = locked(&self.works);
        if let Some(known) = works.get(&work.attempt) {
            if !taken_over {
                locked(&self.twice).push(work.attempt.clone());
            }
            return Ok(begun(known));
        }
        let conduct = (self.script)(work);
        let lasts = conduct == Conduct::Lasts;
        let ending = match conduct {
            Conduct::Succeeds => Some(Self::success(work)),
            Conduct::Ends(ending) => Some(ending),
            Conduct::Runs | Conduct::Lasts => None,
            Conduct::Refuses(error) => return Err(error),
        };
        let known = Known { work: work.clone(), ending, cancelled: false, lasts };
        let begun = begun(&known);
        works.insert(work.attempt.clone(), known);
        Ok(begun)
    }

    /// Runs nothing that could be started twice: nobody may ever hear of it.
    async fn ahead(&self, work: &Work) -> Option<Done> {
        if !self.goes_ahead || work.action.action_type_id.category != Category::Source {
            return None;
        }
        let ending = match (self.script)(work) {
            Conduct::Succeeds => Self::success(work),
            Conduct::Ends(ending) => ending,
            Conduct::Runs | Conduct::Lasts | Conduct::Refuses(_) => return None,
        };
        locked(&self.ahead).insert(work.attempt.clone(), ending.clone());
        match ending {
            Ending::Succeeded(done) => Some(*done),
            Ending::Failed { .. } | Ending::Interrupted { .. } | Ending::Cancelled => None,
        }
    }

    async fn start_until(&self, work: &Work, taken_over: bool, stop: &Stop) -> Result<Begun, PortError> {
        let begun = self.start(work, taken_over).await?;
        let lasts = |known: &Known| known.lasts && known.ending.is_none();
        if !locked(&self.works).get(&work.attempt).is_some_and(lasts) {
            return Ok(begun);
        }
        stop.asked().await;
        self.finish(&work.attempt, Ending::Cancelled);
        Ok(Begun::Ended(Ending::Cancelled))
    }

    async fn observe(&self, work: &Work, _external: &External) -> Result<Observation, PortError> {
        Ok(match locked(&self.works).get(&work.attempt) {
            None => Observation::Gone,
            Some(known) => known.ending.clone().map_or(Observation::Running, Observation::Ended),
        })
    }

    async fn cancel(&self, work: &Work, _external: Option<&External>) -> Result<Observation, PortError> {
        let mut works = locked(&self.works);
        let Some(known) = works.get_mut(&work.attempt) else {
            return Ok(Observation::Gone);
        };
        known.cancelled = true;
        // Only whoever starts it can leave it.
        if known.lasts {
            return Ok(Observation::Gone);
        }
        Ok(Observation::Ended(known.ending.get_or_insert(Ending::Cancelled).clone()))
    }
}

/// One provider for every kind of action, and what it refuses.
pub struct FakeProviders {
    provider: Arc<dyn Provider>,
    /// What [`Providers::refuse`] says of every pipeline.
    pub refusals: Vec<Diagnostic>,
}

impl FakeProviders {
    /// `provider` performs everything.
    pub fn new(provider: Arc<dyn Provider>) -> Self {
        Self { provider, refusals: vec![] }
    }
}

impl Providers for FakeProviders {
    fn find(&self, action: &ActionType) -> Option<Arc<dyn Provider>> {
        (action.provider != "Unknown").then(|| self.provider.clone())
    }

    fn refuse(&self, _pipeline: &Pipeline) -> Vec<Diagnostic> {
        self.refusals.clone()
    }
}
