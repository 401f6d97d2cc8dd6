//! From a repository to artifacts: which commit is meant, and its tree as a zip.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use git2::Oid;
use penstock_app::port::clock::Clock;
use penstock_app::port::provider::{Done, Work};
use penstock_archive::ArchiveError;
use penstock_model::artifact::{Artifact, Revision};
use penstock_model::id::ArtifactName;
use tokio::sync::Semaphore;

use super::pinned::{self, Pinned, Wanted};
use super::snapshot::{self, Latest};
use super::{REPOSITORY_PATH, SourceError, repository};
use crate::anticipated::Anticipated;
use crate::logs::LogFiles;
use crate::objects::Objects;
use crate::room;

/// So many handles of a repository are kept open.
const KEPT_OPEN: usize = 2;
/// Of so many repositories the latest zip is kept.
const KEPT_ZIPS: usize = 8;

/// What all fetches share.
pub(super) struct Inner {
    pub(super) places: Arc<Semaphore>,
    pub(super) default: Option<PathBuf>,
    pub(super) dirty: bool,
    pub(super) objects: Objects,
    pub(super) logs: LogFiles,
    pub(super) clock: Arc<dyn Clock>,
    /// The digest of the zip of each tree that was zipped: the same commit is not zipped twice.
    pub(super) zipped: Mutex<HashMap<Oid, String>>,
    /// The latest zip of each repository, where it is small: most files do not change from one commit to the next.
    pub(super) latest: Mutex<HashMap<PathBuf, Latest>>,
    /// Handles that nobody uses at the moment.
    pub(super) open: Mutex<HashMap<PathBuf, Vec<git2::Repository>>>,
    pub(super) anticipated: Anticipated<Fetched>,
}

/// What became of a fetch, and what its log says.
pub(super) struct Fetched {
    pub(super) notes: String,
    pub(super) done: Result<Done, SourceError>,
}

/// Whether a fetch makes its attempt keep to the commit that it finds.
#[derive(Clone, Copy)]
pub(super) enum Pinning {
    /// So that a repetition finds the same one.
    ByAttempt,
    /// Nobody has heard of the attempt yet, and maybe nobody ever will.
    Not,
}

impl Inner {
    pub(super) fn fetched(&self, work: &Work, pinning: Pinning) -> Fetched {
        let mut notes = String::new();
        let done = self.fetch(work, pinning, &mut notes);
        Fetched { notes, done }
    }

    /// Whether what was fetched ahead is what the attempt keeps to from now on.
    pub(super) fn keeps_to(&self, work: &Work, fetched: &Fetched) -> bool {
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
    let id = pinned.revision_id();
    let revision = Revision { id, summary: pinned.summary.clone(), url: pinned.url, author: pinned.author };
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
