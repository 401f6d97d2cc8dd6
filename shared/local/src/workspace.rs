//! A folder of its own for an attempt's work, removed afterwards, with the input artifacts extracted.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use penstock_app::port::PortError;
use penstock_archive::{Limits, extract, extract_bytes};
use penstock_model::artifact::Artifact;
use penstock_model::id::AttemptId;

use crate::objects::Objects;
use crate::{placement, room};

/// Where attempts work: `<dir>/work/<token>.<number>`; another number each time, because removing a folder takes a while.
#[derive(Clone)]
pub struct Workspaces {
    root: PathBuf,
    objects: Objects,
    limits: Limits,
}

/// An attempt's folder; dropping it removes it.
#[derive(Debug)]
pub struct Workspace {
    path: PathBuf,
}

impl Workspaces {
    /// Workspaces below `root`, which is emptied: nobody works there yet.
    ///
    /// # Errors
    /// As removing and creating folders gives them.
    pub fn open(root: &Path, objects: Objects, limits: Limits) -> io::Result<Self> {
        if root.exists() {
            remove(root)?;
        }
        fs::create_dir_all(root)?;
        placement::apart(root);
        Ok(Self { root: root.to_owned(), objects, limits })
    }

    /// A new folder for the attempt.
    ///
    /// # Errors
    /// As creating folders gives them.
    pub fn create(&self, attempt: &AttemptId) -> io::Result<Workspace> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = self.root.join(format!("{}.{number}", attempt.token()));
        fs::create_dir(&path).map_err(room::needed_in(&self.root))?;
        Ok(Workspace { path })
    }

    /// The object of `artifact`, its digest checked, to be copied.
    ///
    /// # Errors
    /// A permanent [`PortError`] if it is missing or damaged.
    pub fn object(&self, artifact: &Artifact) -> Result<PathBuf, PortError> {
        self.objects.checked(artifact)
    }

    /// Extracts `artifact` into the new folder `into`; its digest is checked.
    ///
    /// # Errors
    /// A [`PortError`]: retryable if the disk failed, permanent if the artifact is refused.
    pub fn extract(&self, artifact: &Artifact, into: &Path) -> Result<(), PortError> {
        let extracted = match self.objects.small(artifact)? {
            Some(zip) => extract_bytes(&zip, into, self.limits),
            None => extract(&self.objects.checked(artifact)?, into, self.limits),
        };
        match extracted {
            Ok(_) => Ok(()),
            Err(penstock_archive::ArchiveError::Io { what, source }) => {
                let source = room::needed_in(&self.root)(source);
                Err(PortError::transient(format!(
                    "extract the artifact `{}`: {what}: {source}",
                    artifact.name
                )))
            }
            Err(error) => {
                Err(PortError::permanent(format!("extract the artifact `{}`: {error}", artifact.name)))
            }
        }
    }
}

impl Workspace {
    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a folder in it.
    pub(crate) fn folder(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        fs::create_dir(&path).map_err(room::needed_in(&self.path))?;
        Ok(path)
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            tracing::warn!("the work folder {} could not be removed: {error}", self.path.display());
        }
    }
}

/// Removes a folder even if something made folders in it read-only.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            for entry in
                walkdir::WalkDir::new(path).into_iter().flatten().filter(|entry| entry.file_type().is_dir())
            {
                fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700))?;
            }
            fs::remove_dir_all(path)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
