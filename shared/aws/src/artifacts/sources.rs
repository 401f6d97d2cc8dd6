//! Where sources go: into the installation's bucket with the rights of the function that fetches them, into a store of
//! the pipeline's under the role of the action.

use std::path::Path;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::provider::Work;
use penstock_model::artifact::Artifact;
use penstock_model::id::{ArtifactName, AttemptId, PipelineName};

use super::S3Artifacts;
use crate::access::{Access, WithoutRole};

/// The artifact store of sources.
#[derive(Debug, Clone)]
pub struct SourceArtifacts {
    own: S3Artifacts,
    access: Access,
}

impl SourceArtifacts {
    /// Into `own`, or into the pipelines' stores under the roles that `access` gives.
    pub fn new(own: S3Artifacts, access: Access) -> Self {
        Self { own, access }
    }
}

#[async_trait]
impl Artifacts for SourceArtifacts {
    async fn put(
        &self,
        pipeline: &PipelineName,
        attempt: &AttemptId,
        name: &ArtifactName,
        file: &Path,
    ) -> Result<Artifact, PortError> {
        self.own.put(pipeline, attempt, name, file).await
    }

    async fn hand_on(&self, work: &Work, name: &ArtifactName, file: &Path) -> Result<Artifact, PortError> {
        if self.own.is_of(work) {
            return self.own.put(&work.pipeline, &work.attempt, name, file).await;
        }
        let role = self.access.of(work, WithoutRole::DefaultRole).await?;
        self.own.of(work, &role).put(&work.pipeline, &work.attempt, name, file).await
    }

    async fn fetch(&self, artifact: &Artifact, file: &Path) -> Result<(), PortError> {
        self.own.fetch(artifact, file).await
    }
}
