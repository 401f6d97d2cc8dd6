//! Single files of an input artifact.

use std::path::PathBuf;

use penstock_app::engine::state::ErrorCode;
use penstock_app::port::artifacts::Artifacts;
use penstock_archive::{ArchiveError, entry_names, read_entry};
use penstock_model::artifact::Artifact;
use tempfile::TempDir;

use super::failure::Failure;

/// An input artifact on the disk of this machine for as long as this lives.
#[derive(Debug)]
pub(crate) struct InputZip {
    name: String,
    folder: TempDir,
}

impl InputZip {
    /// Fetches the whole artifact; its digest is checked.
    pub(crate) async fn fetch(artifacts: &dyn Artifacts, artifact: &Artifact) -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(|error| {
            Failure::ends(ErrorCode::SystemUnavailable, format!("failed to make a folder: {error}"))
        })?;
        let zip = Self { name: artifact.name.to_string(), folder };
        artifacts.fetch(artifact, &zip.path()).await?;
        Ok(zip)
    }

    /// The file called `path`, of at most `limit` bytes of UTF-8; `None` if there is none.
    pub(crate) async fn text(&self, path: &str, limit: u64) -> Result<Option<String>, Failure> {
        let (zip, wanted) = (self.path(), path.to_owned());
        let read = tokio::task::spawn_blocking(move || read_entry(&zip, &wanted, limit)).await;
        let Some(bytes) = self.unpacked(read)? else {
            return Ok(None);
        };
        String::from_utf8(bytes).map(Some).map_err(|_| {
            Failure::configuration(format!("`{path}` in {} is not UTF-8; save it as such", self.name))
        })
    }

    /// As [`Self::text`] of a file that must be there.
    pub(crate) async fn required_text(&self, path: &str, limit: u64) -> Result<String, Failure> {
        self.text(path, limit).await?.ok_or_else(|| {
            Failure::configuration(format!(
                "the input artifact {} has no file `{path}`; let the action that produces it add one",
                self.name
            ))
        })
    }

    /// The names of all its entries.
    pub(crate) async fn names(&self) -> Result<Vec<String>, Failure> {
        let zip = self.path();
        self.unpacked(tokio::task::spawn_blocking(move || entry_names(&zip)).await)
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("input.zip")
    }

    fn unpacked<T>(
        &self,
        read: Result<Result<T, ArchiveError>, tokio::task::JoinError>,
    ) -> Result<T, Failure> {
        let read = read.map_err(|error| Failure::ends(ErrorCode::SystemUnavailable, error.to_string()))?;
        read.map_err(|error| Failure::configuration(format!("the input artifact {}: {error}", self.name)))
    }
}
