//! The appspec of a revision, checked before the deployment: an instance would report the same minutes later. One for
//! functions or services is all of the revision, as `CodeDeploy` takes no zip for them.

use aws_sdk_codedeploy::types::{
    AppSpecContent, BundleType, RevisionLocation, RevisionLocationType, S3Location,
};
use penstock_app::port::artifacts::Artifacts;
use penstock_appspec::appspec::AppSpec;
use penstock_model::artifact::Artifact;
use penstock_model::diagnostic::{Diagnostic, Severity};
use sha2::{Digest, Sha256};

use crate::provider::failure::Failure;
use crate::provider::input_zip::InputZip;

/// Revisions beyond this size are not fetched only to be checked.
const MAX_FETCHED: u64 = 64 << 20;
/// The names that the agent looks for, in its order.
const NAMES: [&str; 2] = ["appspec.yml", "appspec.yaml"];
/// The largest appspec that is parsed.
const MAX_APPSPEC: u64 = penstock_model::document::MAX_BYTES as u64;

/// Checks the appspec of the artifact `revision`, and says what `CodeDeploy` is given: the artifact, or the appspec.
pub(super) async fn revision(
    artifacts: &dyn Artifacts,
    revision: &Artifact,
) -> Result<RevisionLocation, Failure> {
    if revision.size > MAX_FETCHED {
        return Ok(in_s3(revision));
    }
    let zip = InputZip::fetch(artifacts, revision).await?;
    let Some(name) = find(&zip.names().await?) else {
        return Err(Failure::configuration(format!(
            "the input artifact {} has no appspec.yml at its top; add one, or check which files the artifact holds",
            revision.name
        )));
    };
    let source = zip.required_text(&name, MAX_APPSPEC).await?;
    let parsed = penstock_appspec::parse(&source);
    match parsed.appspec {
        Some(AppSpec::Server(_)) => return Ok(in_s3(revision)),
        Some(AppSpec::Lambda(_) | AppSpec::Ecs(_)) => return Ok(content(source)),
        None => {}
    }
    let errors: Vec<String> = parsed.diagnostics.iter().filter(is_error).map(ToString::to_string).collect();
    Err(Failure::configuration(format!("{name} has errors: {}", errors.join("; "))))
}

/// The artifact as it lies in its bucket.
fn in_s3(revision: &Artifact) -> RevisionLocation {
    let location = S3Location::builder()
        .bucket(&revision.bucket)
        .key(&revision.key)
        .set_version(revision.version_id.clone())
        .bundle_type(BundleType::Zip)
        .build();
    RevisionLocation::builder().revision_type(RevisionLocationType::S3).s3_location(location).build()
}

/// An appspec that is all of a revision.
pub(super) fn content(appspec: String) -> RevisionLocation {
    let sha256 = hex::encode(Sha256::digest(&appspec));
    RevisionLocation::builder()
        .revision_type(RevisionLocationType::AppSpecContent)
        .app_spec_content(AppSpecContent::builder().content(appspec).sha256(sha256).build())
        .build()
}

fn is_error(diagnostic: &&Diagnostic) -> bool {
    diagnostic.severity == Severity::Error
}

/// The appspec at the top, or in the only folder at the top: the agent strips that level.
fn find(entries: &[String]) -> Option<String> {
    let names: Vec<&str> = entries.iter().map(|name| name.trim_start_matches("./")).collect();
    let top = only_folder(&names).map_or_else(String::new, |folder| format!("{folder}/"));
    NAMES
        .iter()
        .flat_map(|name| [(*name).to_owned(), format!("{top}{name}")])
        .find(|wanted| names.contains(&wanted.as_str()))
}

fn only_folder<'a>(names: &[&'a str]) -> Option<&'a str> {
    let (first, _) = names.first()?.split_once('/')?;
    let beneath = |name: &&str| name.split_once('/').is_some_and(|(top, _)| top == first);
    names.iter().all(beneath).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(entries: &[&str]) -> Option<String> {
        find(&entries.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn found_where_the_agent_looks() {
        assert_eq!(found(&["a", "appspec.yml"]).as_deref(), Some("appspec.yml"));
        assert_eq!(found(&["./appspec.yaml"]).as_deref(), Some("appspec.yaml"));
        assert_eq!(found(&["app/", "app/x", "app/appspec.yml"]).as_deref(), Some("app/appspec.yml"));
        assert_eq!(found(&["x", "app/appspec.yml"]), None);
        assert_eq!(found(&[]), None);
    }
}
