//! Output artifacts of invoked functions: where they are to be put, and what was put there.

use penstock_app::jobs::OutputPlace;
use penstock_app::port::PortError;
use penstock_app::port::provider::Work;
use penstock_model::artifact::{self, Artifact};

use crate::artifacts::S3Artifacts;
use crate::provider::failure::Failure;

/// Where the function of `work` is to put its output artifacts in `bucket`: beneath the attempt's folder, in one that nobody
/// can guess if nobody can guess `random`. Others may write artifacts too, such as builds of the same stack. It is not the
/// job's id, which lets whoever knows it answer.
pub(super) fn places(work: &Work, bucket: &str, random: [u8; 16]) -> Vec<OutputPlace> {
    let folder = format!("{}/{}", artifact::folder(&work.pipeline, &work.attempt), hex::encode(random));
    let outputs = work.action.output_artifacts.iter().map(|output| OutputPlace {
        name: output.name.clone(),
        bucket: bucket.to_owned(),
        key: format!("{folder}/{}.zip", output.name),
    });
    outputs.collect()
}

/// What was put at `places`, each as it is now.
pub(super) async fn found(artifacts: &S3Artifacts, places: &[OutputPlace]) -> Result<Vec<Artifact>, Failure> {
    let mut found = vec![];
    for place in places {
        let adopted = artifacts.adopt(&place.bucket, &place.key, None, &place.name).await;
        found.push(adopted.map_err(|error| missing(place, error))?);
    }
    Ok(found)
}

fn missing(OutputPlace { name, bucket, key }: &OutputPlace, error: PortError) -> Failure {
    if error.retryable {
        return Failure::Passing(error);
    }
    Failure::job(format!(
        "the function answered success, but the action's role can read no output artifact `{name}` at `{key}` in {bucket}; let the function put it there, with the artifactCredentials of its event, before it answers, and let the role put and read there (failed to {error})"
    ))
}
