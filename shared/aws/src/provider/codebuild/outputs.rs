//! A build's artifacts, taken out of the bucket that it wrote them into.

use aws_sdk_codebuild::types::Build;
use penstock_app::port::PortError;
use penstock_app::port::provider::Work;
use penstock_model::artifact::Artifact;
use penstock_model::id::ArtifactName;

use crate::artifacts::S3Artifacts;
use crate::provider::failure::Failure;
use crate::sdk::Sdk;

/// The artifacts of a build that succeeded.
pub(super) async fn of_build(sdk: &Sdk, work: &Work, build: &Build) -> Result<Vec<Artifact>, Failure> {
    let outputs = &work.action.output_artifacts;
    let place = if outputs.len() > 1 { "`secondary-artifacts`" } else { "`artifacts` with `files`" };
    let mut found = vec![];
    for output in outputs {
        let Some((bucket, key)) = told(build, &output.name, outputs.len()).and_then(place_of) else {
            return Err(Failure::job(format!(
                "the build wrote no artifact `{}`; add it to {place} of the buildspec",
                output.name
            )));
        };
        let artifact = one(sdk, &output.name, bucket, key).await;
        found.push(artifact.map_err(|error| missing(&output.name, &error, place))?);
    }
    Ok(found)
}

/// Where the build says that it wrote the output `name`, one of `outputs`. Nobody else knows: the path has the build's id.
fn told<'a>(build: &'a Build, name: &ArtifactName, outputs: usize) -> Option<&'a str> {
    if outputs == 1 {
        return build.artifacts.as_ref()?.location.as_deref();
    }
    let mut secondary = build.secondary_artifacts().iter();
    secondary.find(|it| it.artifact_identifier() == Some(name.as_str()))?.location.as_deref()
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
pub(super) fn place_of(location: &str) -> Option<(&str, &str)> {
    let path = location.split_once(":s3:::").map_or(location, |(_, path)| path);
    path.split_once('/').filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
}

#[cfg(test)]
mod tests {
    use aws_sdk_codebuild::types::BuildArtifacts;
    use penstock_testkit::build::name;

    use super::*;

    #[test]
    fn a_build_tells_where_it_wrote() {
        let at = |path: &str| BuildArtifacts::builder().location(format!("arn:aws:s3:::b/{path}"));
        let build = Build::builder()
            .artifacts(at("web/x.zip").build())
            .secondary_artifacts(at("web/two.zip").artifact_identifier("two").build())
            .build();
        assert_eq!(told(&build, &name("x"), 1), Some("arn:aws:s3:::b/web/x.zip"));
        assert_eq!(told(&build, &name("two"), 2), Some("arn:aws:s3:::b/web/two.zip"));
        assert_eq!(told(&build, &name("one"), 2), None);
    }

    #[test]
    fn a_location_names_bucket_and_key() {
        assert_eq!(place_of("arn:aws:s3:::b/p/x.zip"), Some(("b", "p/x.zip")));
        assert_eq!(place_of("b/p/x.zip"), Some(("b", "p/x.zip")));
        assert_eq!(place_of("arn:aws:s3:::b"), None);
    }
}
