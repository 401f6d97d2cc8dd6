//! A build's artifacts, taken out of the bucket that it wrote them into.

use penstock_app::port::PortError;
use penstock_app::port::provider::Work;
use penstock_model::artifact::Artifact;
use penstock_model::id::ArtifactName;

use super::destination::Destination;
use crate::artifacts::S3Artifacts;
use crate::provider::failure::Failure;
use crate::sdk::Sdk;

/// The artifacts of a build that succeeded.
pub(super) async fn of_build(
    sdk: &Sdk,
    work: &Work,
    destination: &Destination,
) -> Result<Vec<Artifact>, Failure> {
    let outputs = &work.action.output_artifacts;
    let place = if outputs.len() > 1 { "`secondary-artifacts`" } else { "`artifacts` with `files`" };
    let mut found = vec![];
    for output in outputs {
        let key = destination.key(&output.name);
        let artifact = one(sdk, &output.name, &destination.bucket, &key).await;
        found.push(artifact.map_err(|error| missing(&output.name, &error, place))?);
    }
    Ok(found)
}

/// The object at `key` with its version and digest.
pub(super) async fn one(
    sdk: &Sdk,
    name: &ArtifactName,
    bucket: &str,
    key: &str,
) -> Result<Artifact, PortError> {
    S3Artifacts::new(sdk, bucket).adopt(bucket, key, None, name).await
}

fn missing(name: &ArtifactName, error: &PortError, place: &str) -> Failure {
    if error.retryable {
        return Failure::Passing(error.clone());
    }
    let message = format!(
        "the build wrote no artifact `{name}` that the action's role can read; add it to {place} of the buildspec (failed to {error})"
    );
    Failure::job(message)
}

/// Bucket and key of a location: an ARN of S3, or `bucket/key`.
pub(super) fn place(location: &str) -> Option<(&str, &str)> {
    let path = location.split_once(":s3:::").map_or(location, |(_, path)| path);
    path.split_once('/').filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_names_bucket_and_key() {
        assert_eq!(place("arn:aws:s3:::b/p/x.zip"), Some(("b", "p/x.zip")));
        assert_eq!(place("b/p/x.zip"), Some(("b", "p/x.zip")));
        assert_eq!(place("arn:aws:s3:::b"), None);
    }
}
