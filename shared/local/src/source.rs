//! Source actions from a git repository on this machine: the commit is pinned, its tree goes into a zip.
//!
//! Configuration, all optional: `RepositoryPath` (default: the working tree in which the server was started) and one
//! of `Commit`, `Tag`, `Branch` or `BranchName` (default: the checked-out commit). A revision override beats them.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use penstock_app::engine::state::{AttemptError, ErrorCode, External};
use penstock_app::port::PortError;
use penstock_app::port::clock::Clock;
use penstock_app::port::provider::{Begun, Done, Ending, Observation, Provider, Work};
use penstock_archive::ArchiveError;
use tokio::sync::{Semaphore, watch};

use crate::anticipated::Anticipated;
use crate::logs::LogFiles;
use crate::objects::Objects;

mod fetch;
mod pinned;
mod repository;
mod snapshot;

pub use repository::GitRepository;

use fetch::{Fetched, Inner, Pinning};

/// So many sources are fetched at a time: hundreds of threads for as many executions would only cost memory.
const AT_A_TIME: usize = 4;
/// A commit that is fetched in this time is recorded with the execution that asks for it. So long the answer to its start
/// waits at most for each of its sources; longer, and it would better be on its way to the disk.
const MOMENT: Duration = Duration::from_millis(10);
/// The key of an action's configuration that names a repository's folder.
pub const REPOSITORY_PATH: &str = "RepositoryPath";

/// Why a source could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The revision is not there.
    #[error("{0}")]
    Unavailable(String),
    /// The configuration cannot be carried out.
    #[error("{0}")]
    Configuration(String),
    /// What the attempt began with is gone: it has to begin anew.
    #[error("{0}")]
    Moved(String),
    /// git failed.
    #[error("reading the git repository failed: {}", .0.message())]
    Git(#[from] git2::Error),
    /// The zip failed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The disk failed.
    #[error("writing the source artifact failed: {0}")]
    Io(#[from] std::io::Error),
}

impl SourceError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Unavailable(_) => ErrorCode::RevisionUnavailable,
            Self::Configuration(_) => ErrorCode::ConfigurationError,
            Self::Moved(_) | Self::Git(_) | Self::Archive(_) | Self::Io(_) => ErrorCode::SystemUnavailable,
        }
    }
}

/// Performs source actions from git repositories on this machine.
#[derive(Clone)]
pub struct GitSource {
    inner: Arc<Inner>,
}

/// The work without what other sources found, which it does not depend on.
fn alone(work: &Work) -> Work {
    Work { revisions: BTreeMap::new(), ..work.clone() }
}

impl GitSource {
    /// Sources without a repository are `default`; with `dirty`, its files as they lie there, uncommitted ones too.
    /// When `leaving` becomes `true`, nothing is fetched ahead any more.
    pub fn new(
        default: Option<PathBuf>,
        dirty: bool,
        objects: Objects,
        logs: LogFiles,
        clock: Arc<dyn Clock>,
        leaving: watch::Receiver<bool>,
    ) -> Self {
        let (zipped, latest, open) = (Mutex::default(), Mutex::default(), Mutex::default());
        let places = Arc::new(Semaphore::new(AT_A_TIME));
        let anticipated = Anticipated::new(leaving);
        let inner = Inner { places, default, dirty, objects, logs, clock, zipped, latest, open, anticipated };
        Self { inner: Arc::new(inner) }
    }
}

impl GitSource {
    /// Fetches once there is room for it.
    async fn fetch(inner: Arc<Inner>, work: Work) -> Result<Fetched, PortError> {
        // Nobody closes it.
        let place = Arc::clone(&inner.places).acquire_owned().await.ok();
        let fetched = tokio::task::spawn_blocking(move || {
            let fetched = inner.fetched(&work, Pinning::ByAttempt);
            drop(place);
            fetched
        });
        fetched.await.map_err(|error| PortError::transient(format!("fetch a source: {error}")))
    }
}

#[async_trait]
impl Provider for GitSource {
    async fn start(&self, work: &Work, _taken_over: bool) -> Result<Begun, PortError> {
        let ahead = self.inner.anticipated.take(&alone(work)).await;
        let Fetched { notes, done } = match ahead.filter(|fetched| self.inner.keeps_to(work, fetched)) {
            Some(fetched) => fetched,
            None => Self::fetch(Arc::clone(&self.inner), work.clone()).await?,
        };
        let noted = self.inner.logs.append(&work.attempt).and_then(|mut log| log.write_all(notes.as_bytes()));
        match noted.map_err(SourceError::Io).and(done) {
            Ok(done) => Ok(Begun::Ended(Ending::Succeeded(Box::new(done)))),
            Err(SourceError::Moved(message)) => Ok(Begun::Ended(Ending::Interrupted { message })),
            Err(SourceError::Io(error)) => {
                Err(PortError::transient(format!("write the source artifact: {error}")))
            }
            Err(error) => {
                let error = AttemptError::new(error.code(), error.to_string());
                Ok(Begun::Ended(Ending::Failed { error, external: None }))
            }
        }
    }

    fn anticipate(&self, work: &Work) {
        // What the store holds under its digest harms nobody if no execution comes to speak of it, and is cleaned up.
        if let Ok(place) = Arc::clone(&self.inner.places).try_acquire_owned() {
            let (inner, wanted) = (Arc::clone(&self.inner), alone(work));
            self.inner.anticipated.begin(&alone(work), move || {
                let fetched = inner.fetched(&wanted, Pinning::Not);
                drop(place);
                fetched
            });
        }
    }

    /// What did not go well is fetched once more when it is owed, and told of then.
    async fn ahead(&self, work: &Work) -> Option<Done> {
        self.anticipate(work);
        // While it is being fetched: the first log of an execution needs a folder.
        let log = self.inner.logs.append(&work.attempt);
        let Fetched { notes, done } = self.inner.anticipated.take_within(&alone(work), MOMENT).await?;
        let done = done.ok()?;
        log.ok()?.write_all(notes.as_bytes()).ok()?;
        Some(done)
    }

    async fn observe(&self, _work: &Work, _external: &External) -> Result<Observation, PortError> {
        Ok(Observation::Gone)
    }

    async fn cancel(&self, _work: &Work, _external: Option<&External>) -> Result<Observation, PortError> {
        Ok(Observation::Gone)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use penstock_app::engine::state::TriggerCause;
    use penstock_app::port::clock::SystemClock;
    use penstock_model::id::DefinitionVersion;
    use penstock_model::time::Timestamp;

    use super::*;

    fn commit(repository: &git2::Repository, content: &str) -> String {
        let folder = repository.workdir().unwrap();
        std::fs::write(folder.join("file"), content).unwrap();
        let mut index = repository.index().unwrap();
        index.add_path(Path::new("file")).unwrap();
        index.write().unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        let who = git2::Signature::new("a", "a@example.com", &git2::Time::new(0, 0)).unwrap();
        let parent = repository.head().ok().and_then(|head| head.peel_to_commit().ok());
        let parents: Vec<_> = parent.iter().collect();
        repository.commit(Some("HEAD"), &who, &who, content, &tree, &parents).unwrap().to_string()
    }

    fn work() -> Work {
        let action = serde_json::json!({
            "name": "Fetch", "outputArtifacts": [{"name": "Out"}],
            "actionTypeId": {"category": "Source", "owner": "ThirdParty", "provider": "GitHub", "version": "1"}
        });
        Work {
            attempt: "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Source/Fetch/1".parse().unwrap(),
            pipeline: "web".parse().unwrap(),
            definition: DefinitionVersion(1),
            action: serde_json::from_value(action).unwrap(),
            role_arn: None,
            artifact_store: None,
            inputs: vec![],
            revision_override: None,
            revisions: BTreeMap::new(),
            sources: vec![],
            trigger: TriggerCause {
                kind: "Manual".into(),
                detail: String::new(),
                delivery: None,
                reference: None,
            },
            deadline: Timestamp(0),
        }
    }

    /// A source as a server that has just been started has it.
    fn source(folder: &Path, dirty: bool) -> GitSource {
        let objects = Objects::open(&folder.join("artifacts")).unwrap();
        let logs = LogFiles::new(&folder.join("logs"));
        GitSource::new(
            Some(folder.join("tree")),
            dirty,
            objects,
            logs,
            Arc::new(SystemClock),
            watch::channel(false).1,
        )
    }

    #[tokio::test]
    async fn a_repetition_keeps_to_the_first_commit() {
        let folder = tempfile::tempdir().unwrap();
        let repository = git2::Repository::init(folder.path().join("tree")).unwrap();
        let first = commit(&repository, "first");
        let begun = source(folder.path(), false).start(&work(), false).await.unwrap();
        let Begun::Ended(Ending::Succeeded(done)) = begun else { panic!("{begun:?}") };
        commit(&repository, "second");
        let begun = source(folder.path(), false).start(&work(), true).await.unwrap();
        let Begun::Ended(Ending::Succeeded(again)) = begun else { panic!("{begun:?}") };
        assert_eq!(again.revision.as_ref().unwrap().id, first);
        let told = |done: &Done| (done.artifacts.clone(), done.variables.clone(), done.revision.clone());
        assert_eq!(told(&again), told(&done));
    }

    #[tokio::test]
    async fn a_working_tree_that_moved_on_is_attempted_anew() {
        let folder = tempfile::tempdir().unwrap();
        let repository = git2::Repository::init(folder.path().join("tree")).unwrap();
        commit(&repository, "first");
        std::fs::write(folder.path().join("tree/file"), "uncommitted").unwrap();
        let begun = source(folder.path(), true).start(&work(), false).await.unwrap();
        assert!(matches!(begun, Begun::Ended(Ending::Succeeded(_))), "{begun:?}");
        commit(&repository, "second");
        let begun = source(folder.path(), true).start(&work(), true).await.unwrap();
        assert!(matches!(begun, Begun::Ended(Ending::Interrupted { .. })), "{begun:?}");
    }
}
