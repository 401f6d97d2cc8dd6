//! Files on their way to become objects.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use penstock_model::id::{ArtifactName, AttemptId};

use super::Objects;

/// How the names of such files begin.
pub(super) const PREFIX: &str = "incoming.";

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

    /// `file` if it can be renamed into the store, else a copy of it that can.
    pub(super) fn brought_here(
        &self,
        file: &Path,
        attempt: &AttemptId,
        name: &ArtifactName,
    ) -> io::Result<PathBuf> {
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
