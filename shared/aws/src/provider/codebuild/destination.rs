//! Where a build's artifacts go: a bucket, and keys that contain the attempt.

use penstock_app::port::provider::Work;
use penstock_model::artifact;
use penstock_model::id::ArtifactName;

/// Where a build's artifacts go.
#[derive(Debug)]
pub(super) struct Destination {
    pub(super) bucket: String,
    pub(super) path: String,
    /// The KMS key that the pipeline's store asks for.
    pub(super) encryption_key: Option<String>,
}

impl Destination {
    /// The pipeline's own store, else `bucket`.
    pub(super) fn of(work: &Work, bucket: &str) -> Self {
        let store = work.artifact_store.as_ref();
        let key = store.and_then(|store| store.encryption_key.as_ref()?.get("id")?.as_str());
        Self {
            bucket: store.map_or(bucket, |store| &store.location).to_owned(),
            path: artifact::folder(&work.pipeline, &work.attempt),
            encryption_key: key.map(str::to_owned),
        }
    }

    /// The object's name below the path.
    pub(super) fn file(name: &ArtifactName) -> String {
        format!("{name}.zip")
    }

    /// The object's key.
    pub(super) fn key(&self, name: &ArtifactName) -> String {
        format!("{}/{}", self.path, Self::file(name))
    }
}
