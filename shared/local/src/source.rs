//! Source actions from a git repository on this machine: the commit is pinned, its tree goes into a zip.
//!
//! Configuration, all optional: `RepositoryPath` (default: the working tree in which the server was started) and one
//! of `Commit`, `Tag`, `Branch` or `BranchName` (default: the checked-out commit). A revision override beats them.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use git2::Oid;
use penstock_app::engine::state::{AttemptError, External};
use penstock_app::port::PortError;
use penstock_app::port::clock::Clock;
use penstock_app::port::provider::{Begun, Done, Ending, Observation, Provider, Work};
use penstock_archive::ArchiveError;
use penstock_model::artifact::{Artifact, Revision};
use penstock_model::id::ArtifactName;
use tokio::sync::{Semaphore, watch};

use crate::anticipated::Anticipated;
use crate::logs::LogFiles;
use crate::objects::Objects;
use crate::room;

mod pinned;
mod repository;
mod snapshot;

pub use repository::GitRepository;

use pinned::{Pinned, Wanted};
use snapshot::Latest;

/// So many sources are fetched at a time: hundreds of threads for as many executions would only cost memory.
const AT_A_TIME: usize = 4;
/// So many handles of a repository are kept open.
const KEPT_OPEN: usize = 2;
/// A commit that is fetched in this time is recorded with the execution that asks for it. So long the answer to its start
/// waits at most for each of its sources; longer, and it would better be on its way to the disk.
const MOMENT: Duration = Duration::from_millis(10);
/// Of so many repositories the latest zip is kept.
const KEPT_ZIPS: usize = 8;
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
    fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "RevisionUnavailable",
            Self::Configuration(_) => "ConfigurationError",
            Self::Moved(_) | Self::Git(_) | Self::Archive(_) | Self::Io(_) => "SystemUnavailable",
        }
    }
}

/// Performs source actions from git repositories on this machine.
#[derive(Clone)]
pub struct GitSource {
    inner: Arc<Inner>,
}

struct Inner {
    places: Arc<Semaphore>,
    default: Option<PathBuf>,
    dirty: bool,
    objects: Objects,
    logs: LogFiles,
    clock: Arc<dyn Clock>,
    /// The digest of the zip of each tree that was zipped: the same commit is not zipped twice.
    zipped: Mutex<HashMap<Oid, String>>,
    /// The latest zip of each repository, where it is small: most files do not change from one commit to the next.
    latest: Mutex<HashMap<PathBuf, Latest>>,
    /// Handles that nobody uses at the moment.
    open: Mutex<HashMap<PathBuf, Vec<git2::Repository>>>,
    anticipated: Anticipated<Fetched>,
}

/// What became of a fetch, and what its log says.
struct Fetched {
    notes: String,
    done: Result<Done, SourceError>,
}

/// Whether a fetch makes its attempt keep to the commit that it finds.
#[derive(Clone, Copy)]
enum Pinning {
    /// So that a repetition finds the same one.
    ByAttempt,
    /// Nobody has heard of the attempt yet, and maybe nobody ever will.
    Not,
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
                let error = AttemptError { code: error.code().into(), message: error.to_string() };
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

impl Inner {
    fn fetched(&self, work: &Work, pinning: Pinning) -> Fetched {
        let mut notes = String::new();
        let done = self.fetch(work, pinning, &mut notes);
        Fetched { notes, done }
    }

    /// Whether what was fetched ahead is what the attempt keeps to from now on.
    fn keeps_to(&self, work: &Work, fetched: &Fetched) -> bool {
        let Ok(done) = &fetched.done else { return false };
        let Some(Revision { id, .. }) = &done.revision else { return false };
        let is_named = Wanted::of(work).is_ok_and(|wanted| wanted == Wanted::Commit(id.clone()));
        is_named || self.objects.keep_to(&work.attempt, id).is_ok_and(|kept| kept == *id)
    }

    fn fetch(&self, work: &Work, pinning: Pinning, notes: &mut String) -> Result<Done, SourceError> {
        let started_at = self.clock.now();
        let configured = work.action.configuration.get(REPOSITORY_PATH).map(PathBuf::from);
        let dirty = self.dirty && configured.is_none() && work.revision_override.is_none();
        let path = configured.or_else(|| self.default.clone()).ok_or_else(|| {
            let message =
                "no repository: start the server inside a git working tree, or set `RepositoryPath`";
            SourceError::Configuration(message.into())
        })?;
        let pinned = match pinning {
            Pinning::ByAttempt => self.kept(work, &path, dirty)?,
            Pinning::Not => self.pin(&path, &Wanted::of(work)?, None, dirty)?,
        };
        note(notes, &format!("source {} at {}", path.display(), pinned.revision_id()));
        if let Some(key) = self.dirty.then(|| names_a_revision(work)).flatten() {
            let warning = format!(
                "warning: uncommitted changes stay out, because the source names a `{key}`; leave it out to take the working tree as it lies there"
            );
            note(notes, &warning);
        }
        let mut artifacts = vec![];
        for output in &work.action.output_artifacts {
            artifacts.push(self.artifact(work, &output.name, &path, &pinned, notes)?);
        }
        let mut variables = pinned.variables.clone();
        if let Some(connection) = work.action.configuration.get("ConnectionArn") {
            variables.insert("ConnectionArn".into(), connection.clone());
        }
        Ok(done(pinned, artifacts, variables, started_at))
    }

    /// The commit that is meant; if the fetch is repeated, the one that was meant the first time.
    fn kept(&self, work: &Work, path: &Path, dirty: bool) -> Result<Pinned, SourceError> {
        let wanted = Wanted::of(work)?;
        let now = self.pin(path, &wanted, None, dirty)?;
        if wanted == Wanted::Commit(now.revision_id()) {
            return Ok(now);
        }
        let kept = self.objects.keep_to(&work.attempt, &now.revision_id())?;
        if kept == now.revision_id() {
            return Ok(now);
        }
        if !kept.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(SourceError::Moved(format!(
                "the working tree was at {kept} when it began to be copied and is at {} now",
                now.revision_id()
            )));
        }
        self.pin(path, &wanted, Some(&kept), false)
    }

    /// Says which commit is meant, or about the commit `kept`.
    fn pin(
        &self,
        path: &Path,
        wanted: &Wanted,
        kept: Option<&str>,
        dirty: bool,
    ) -> Result<Pinned, SourceError> {
        self.with_repository(path, |repository| pinned::pin(repository, wanted, kept, dirty))
    }

    /// Reads from a repository by a handle of its own, as a rule one that was opened before.
    fn with_repository<T>(
        &self,
        path: &Path,
        read: impl FnOnce(&git2::Repository) -> Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        let handles = || self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let known = handles().get_mut(path).and_then(Vec::pop);
        let repository = match known {
            Some(repository) => repository,
            None => repository::open(path)?,
        };
        let found = read(&repository)?;
        let mut handles = handles();
        let kept = handles.entry(path.to_owned()).or_default();
        if kept.len() < KEPT_OPEN {
            kept.push(repository);
        }
        Ok(found)
    }

    fn artifact(
        &self,
        work: &Work,
        name: &ArtifactName,
        path: &Path,
        pinned: &Pinned,
        notes: &mut String,
    ) -> Result<Artifact, SourceError> {
        if let Some(tree) = pinned.tree
            && let Some(known) = self.known(work, name, tree)
        {
            return Ok(known);
        }
        let file = self.objects.incoming(&work.attempt, name);
        let latest = self.latest().remove(path);
        let zipped = self.with_repository(path, |repository| match pinned.tree {
            Some(tree) => snapshot::of_tree(repository, tree, &file, latest),
            None => snapshot::of_working_tree(repository, &file).map(|zipped| (zipped, latest)),
        });
        let (zipped, latest) = zipped.map_err(|error| self.needing_room(error)).inspect_err(|_| {
            // A full disk needs the room; there may be no file yet.
            let _ = std::fs::remove_file(&file);
        })?;
        self.keep(path, latest);
        for warning in &zipped.warnings {
            note(notes, &format!("warning: {warning}"));
        }
        note(notes, &format!("{} files", zipped.files));
        let stored = self.objects.store(&work.pipeline, &work.attempt, name, &file);
        let artifact = stored.inspect_err(|_| {
            let _ = std::fs::remove_file(&file);
        })?;
        if let Some(tree) = pinned.tree {
            self.zipped.lock().unwrap_or_else(PoisonError::into_inner).insert(tree, artifact.sha256.clone());
        }
        Ok(artifact)
    }

    /// A disk that fails is no fault of the source: it is fetched again.
    fn needing_room(&self, error: SourceError) -> SourceError {
        match error {
            SourceError::Archive(ArchiveError::Io { what, source }) => {
                let source = room::needed_in(self.objects.root())(source);
                SourceError::Io(std::io::Error::new(source.kind(), format!("{what}: {source}")))
            }
            SourceError::Io(error) => SourceError::Io(room::needed_in(self.objects.root())(error)),
            other @ (SourceError::Unavailable(_)
            | SourceError::Configuration(_)
            | SourceError::Moved(_)
            | SourceError::Git(_)
            | SourceError::Archive(_)) => other,
        }
    }

    fn latest(&self) -> MutexGuard<'_, HashMap<PathBuf, Latest>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the latest zip of the repository at `path`.
    fn keep(&self, path: &Path, latest: Option<Latest>) {
        let mut kept = self.latest();
        if kept.len() >= KEPT_ZIPS {
            kept.clear();
        }
        kept.extend(latest.map(|latest| (path.to_owned(), latest)));
    }

    fn known(&self, work: &Work, name: &ArtifactName, tree: Oid) -> Option<Artifact> {
        let digest = self.zipped.lock().unwrap_or_else(PoisonError::into_inner).get(&tree).cloned()?;
        self.objects.adopt(&work.pipeline, &work.attempt, name, &digest)
    }
}

/// The key of its configuration by which a source means something else than the working tree.
fn names_a_revision(work: &Work) -> Option<&'static str> {
    let is_set = |key: &&str| work.action.configuration.get(*key).is_some_and(|value| !value.is_empty());
    [REPOSITORY_PATH, "Commit", "Tag", "Branch", "BranchName"].into_iter().find(is_set)
}

/// Adds a line for the log.
fn note(notes: &mut String, line: &str) {
    notes.push_str(line);
    notes.push('\n');
}

fn done(
    pinned: Pinned,
    artifacts: Vec<Artifact>,
    variables: BTreeMap<String, String>,
    started_at: penstock_model::time::Timestamp,
) -> Done {
    let revision = Revision { id: pinned.revision_id(), summary: pinned.summary.clone(), url: pinned.url };
    let started_at = Some(started_at);
    Done {
        artifacts,
        variables,
        revision: Some(revision),
        external: None,
        summary: pinned.summary,
        started_at,
    }
}

#[cfg(test)]
mod tests {
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
            trigger: TriggerCause { kind: "Manual".into(), detail: String::new(), delivery: None },
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
