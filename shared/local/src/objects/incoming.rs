//! Files on their way to become objects.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use penstock_model::artifact::Artifact;
use penstock_model::id::{ArtifactName, AttemptId, PipelineName};

use super::{CARRIED, Objects, REMOVAL, digest, recorded};
use crate::room;

/// How the names of such files begin.
pub(super) const PREFIX: &str = "incoming.";

/// A file that can become an object, its digest taken. Nobody's artifact yet: dropping it removes it.
#[derive(Debug)]
pub(crate) struct Incoming {
    file: PathBuf,
    sha256: String,
    size: u64,
    /// Dropping it leaves the file.
    stays: bool,
}

impl Incoming {
    /// Whether it becomes durable with the next commit, so that storing it takes no time.
    pub(crate) fn is_small(&self) -> bool {
        self.size <= CARRIED
    }

    /// Leaves the file to whoever made it.
    pub(super) fn leave(mut self) {
        self.stays = true;
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if self.stays {
            return;
        }
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("{} could not be removed: {error}", self.file.display());
            }
            // As a rule it was moved away.
            Ok(()) | Err(_) => {}
        }
    }
}

impl Objects {
    /// A name for a file that is to become an object: in the store's folder, so that moving it costs nothing. Each call
    /// gives another one, so that a repetition of work that is still under way does not write into its file.
    pub fn incoming(&self, attempt: &AttemptId, name: &ArtifactName) -> PathBuf {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        self.root.join(format!("{PREFIX}{}.{name}.{number}", attempt.token()))
    }

    /// Removes what a server that was killed did not finish to bring in. Only for whoever has the folder to itself.
    ///
    /// # Errors
    /// As reading folders and removing files give them.
    pub fn clear_incoming(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(PREFIX) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Takes the digest of the zip at `file`.
    ///
    /// # Errors
    /// As reading files gives them.
    pub(crate) fn take_in(&self, file: PathBuf) -> io::Result<Incoming> {
        let (sha256, size) = digest(&file)?;
        Ok(Incoming { file, sha256, size, stays: false })
    }

    /// Stores what has come in as `name` of `attempt`, as [`Self::store`] does. If that fails, it is still there.
    ///
    /// # Errors
    /// As moving and synchronising files give them.
    pub(crate) fn keep(
        &self,
        pipeline: &PipelineName,
        attempt: &AttemptId,
        name: &ArtifactName,
        incoming: &Incoming,
    ) -> io::Result<Artifact> {
        self.kept(pipeline, attempt, name, incoming).map_err(room::needed_in(&self.root))
    }

    fn kept(
        &self,
        pipeline: &PipelineName,
        attempt: &AttemptId,
        name: &ArtifactName,
        incoming: &Incoming,
    ) -> io::Result<Artifact> {
        let Incoming { file, sha256, size, stays: _ } = incoming;
        let _kept = REMOVAL.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = self.stored(pipeline, attempt, name) {
            self.make_durable(&self.place(&there.sha256), &there.sha256, there.size)?;
            return Ok(there);
        }
        let place = self.place(sha256);
        self.remember(attempt, name, sha256)?;
        if place.exists() && digest(&place).is_ok_and(|(there, _)| there == *sha256) {
            self.make_durable(&place, sha256, *size)?;
        } else {
            let file = self.brought_here(file, attempt, name)?;
            self.bring_in(&file, &place, sha256, *size)?;
        }
        Ok(recorded(pipeline, attempt, name, sha256, *size))
    }

    /// `file` if it can be renamed into the store, else a copy of it that can.
    fn brought_here(&self, file: &Path, attempt: &AttemptId, name: &ArtifactName) -> io::Result<PathBuf> {
        if file.parent() == Some(&self.root) {
            return Ok(file.to_owned());
        }
        let here = self.incoming(attempt, name);
        match fs::rename(file, &here) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                fs::copy(file, &here)?;
                fs::remove_file(file)?;
            }
            Err(error) => return Err(error),
        }
        Ok(here)
    }
}
