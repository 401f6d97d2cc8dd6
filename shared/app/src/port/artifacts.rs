//! The artifact store: zips under keys that contain the attempt, recognised by their digest.

use std::path::Path;

use async_trait::async_trait;
use penstock_model::artifact::Artifact;
use penstock_model::id::{ArtifactName, AttemptId, PipelineName};

use super::PortError;
use super::provider::Work;

/// The artifact store.
#[async_trait]
pub trait Artifacts: Send + Sync {
    /// Stores the zip at `file` as an output of `attempt`, durably. An object that is already there is adopted
    /// with its own version and digest. The file may be moved away.
    async fn put(
        &self,
        pipeline: &PipelineName,
        attempt: &AttemptId,
        name: &ArtifactName,
        file: &Path,
    ) -> Result<Artifact, PortError>;

    /// Stores the zip at `file` as an output of `work`, where its pipeline keeps artifacts. What has one store only has
    /// nothing to choose.
    async fn hand_on(&self, work: &Work, name: &ArtifactName, file: &Path) -> Result<Artifact, PortError> {
        self.put(&work.pipeline, &work.attempt, name, file).await
    }

    /// Writes the zip to `file` and checks its digest.
    async fn fetch(&self, artifact: &Artifact, file: &Path) -> Result<(), PortError>;
}
