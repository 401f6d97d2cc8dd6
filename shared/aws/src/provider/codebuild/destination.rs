//! Where a build's artifacts go: a bucket, and keys that contain the attempt. Below them `CodeBuild` puts the build's id, so
//! that who may write artifacts too, such as builds of the same stack, cannot tell beforehand where another's lies.

use penstock_app::port::provider::Work;
use penstock_model::artifact;
use penstock_model::id::ArtifactName;

use crate::artifacts::place::StorePlace;

/// Where a build's artifacts go.
#[derive(Debug)]
pub(super) struct Destination {
    pub(super) bucket: String,
    /// The bucket's.
    pub(super) region: String,
    pub(super) path: String,
    /// The KMS key that the pipeline's store asks for.
    pub(super) encryption_key: Option<String>,
}

impl Destination {
    /// The pipeline's store in the action's region, else `bucket`, which is in `home`.
    pub(super) fn of(work: &Work, home: &str, bucket: &str) -> Self {
        let StorePlace { bucket, region, encryption_key } = StorePlace::of(work, home, bucket);
        Self { bucket, region, path: artifact::folder(&work.pipeline, &work.attempt), encryption_key }
    }

    /// The object's name below the path and the build's id.
    pub(super) fn file(name: &ArtifactName) -> String {
        format!("{name}.zip")
    }
}
