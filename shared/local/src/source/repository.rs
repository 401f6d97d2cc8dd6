//! Opening git repositories, and the one in which the server was started.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use git2::{ErrorClass, ErrorCode, Oid, Repository};
use penstock_app::port::PortError;

use super::SourceError;

/// Opens the repository whose working tree or git folder is `path`, or that `path` lies in.
pub(super) fn open(path: &Path) -> Result<Repository, SourceError> {
    Repository::discover(path).map_err(|error| {
        let path = path.display();
        if error.code() == ErrorCode::NotFound {
            let message = format!("{path} is no git repository; start the server inside one, or set `RepositoryPath` to one");
            return SourceError::Configuration(message);
        }
        if error.code() == ErrorCode::Owner {
            let message = format!(
                "{path} belongs to another user; run as its owner, or `git config --global --add safe.directory {path}`"
            );
            return SourceError::Configuration(message);
        }
        if matches!(error.class(), ErrorClass::Repository | ErrorClass::Config) {
            let message = format!(
                "{path} is a git repository that cannot be read here ({}): SHA-256 object ids and reference tables \
                 are not supported; convert it (`git fast-export`) and set `RepositoryPath` to the copy",
                error.message()
            );
            return SourceError::Configuration(message);
        }
        SourceError::Git(error)
    })
}

/// The git repository in which the server was started.
#[derive(Clone)]
pub struct GitRepository {
    path: PathBuf,
    open: Arc<Mutex<Option<Repository>>>,
}

impl GitRepository {
    /// The repository that `folder` lies in, if any: the working tree's root, or the git folder of a bare one.
    pub fn discover(folder: &Path) -> Option<Self> {
        let repository = match open(folder) {
            Ok(repository) => repository,
            Err(error) => {
                tracing::debug!("no repository to take sources from: {error}");
                return None;
            }
        };
        let path = repository.workdir().unwrap_or_else(|| repository.path()).to_owned();
        Some(Self { path, open: Arc::new(Mutex::new(Some(repository))) })
    }

    /// The working tree's root, or the git folder of a bare repository.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn has(&self, commit: &str) -> Result<bool, SourceError> {
        // A prefix would be found too, but names no exact commit.
        let (40, Ok(id)) = (commit.len(), commit.parse::<Oid>()) else { return Ok(false) };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let repository = match open.take() {
            Some(repository) => repository,
            None => self::open(&self.path)?,
        };
        let found = repository.find_commit(id).is_ok();
        *open = Some(repository);
        Ok(found)
    }
}

#[async_trait]
impl penstock_app::port::repository::Repository for GitRepository {
    async fn contains(&self, commit: &str) -> Result<bool, PortError> {
        self.has(commit).map_err(|error| PortError::transient(error.to_string()))
    }
}
