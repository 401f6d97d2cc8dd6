//! Batch builds: how the builds of a batch end as one action, and which of their artifacts it hands on.
//!
//! An output artifact called like a build, or `<build>-<secondary artifact>`, is that build's. A single output artifact
//! of another name is the first build's; with `CombineArtifacts` it holds the files of all builds.

use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use penstock_app::engine::state::{AttemptError, ErrorCode, External};
use penstock_app::port::provider::{Done, Ending, Work};
use penstock_archive::{ArchiveError, Limits, Writer, extract};
use penstock_buildspec::{BatchError, BatchOutcome, BuildStatus};
use penstock_model::artifact::Artifact;
use penstock_model::time::Timestamp;
use walkdir::WalkDir;

use super::{Parts, system};
use crate::attempt_log::located;

impl Parts {
    /// What a batch ended as; its zips lie in `folder`.
    pub(super) async fn batch_ending(
        &self,
        work: &Work,
        ended: Result<BatchOutcome, BatchError>,
        folder: &Path,
        external: External,
        started_at: Timestamp,
    ) -> Ending {
        let outcome = match ended {
            Ok(outcome) => outcome,
            Err(error) => {
                let error = AttemptError::new(ErrorCode::ConfigurationError, error.to_string());
                return Ending::Failed { error, external: Some(external) };
            }
        };
        match outcome.status {
            BuildStatus::Stopped => Ending::Cancelled,
            BuildStatus::Succeeded => match self.store_batch(work, &outcome, folder).await {
                Ok(artifacts) => {
                    let summary = Some(format!("batch of {} builds succeeded", outcome.builds.len()));
                    let (external, started_at) = (Some(external), Some(started_at));
                    Ending::Succeeded(Box::new(Done {
                        artifacts,
                        external,
                        summary,
                        started_at,
                        ..Done::default()
                    }))
                }
                Err(error) => Ending::Failed { error, external: Some(external) },
            },
            BuildStatus::Failed | BuildStatus::Fault | BuildStatus::TimedOut => {
                self.batch_failed(work, &outcome, external)
            }
        }
    }

    fn batch_failed(&self, work: &Work, outcome: &BatchOutcome, external: External) -> Ending {
        let mut message = format!("the batch ended as {}", outcome.status);
        for build in &outcome.builds {
            match &build.outcome {
                None => message.push_str(&format!("\nbuild `{}` did not run", build.identifier)),
                Some(ended) => {
                    if let Some(failure) = &ended.failure {
                        message.push_str(&format!(
                            "\nbuild `{}`: {}",
                            build.identifier,
                            super::ending::why(failure)
                        ));
                    }
                }
            }
        }
        located(&self.logs, &work.attempt, ErrorCode::JobFailed, message, Some(external))
    }

    async fn store_batch(
        &self,
        work: &Work,
        outcome: &BatchOutcome,
        folder: &Path,
    ) -> Result<Vec<Artifact>, AttemptError> {
        let combine = work
            .action
            .configuration
            .get("CombineArtifacts")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let identifiers: Vec<String> = outcome.builds.iter().map(|build| build.identifier.clone()).collect();
        let (objects, work, folder) = (self.objects.clone(), work.clone(), folder.to_owned());
        let stored = tokio::task::spawn_blocking(move || {
            let mut stored = vec![];
            for output in &work.action.output_artifacts {
                let zip = if combine {
                    combined(&folder, &identifiers).map_err(|error| system(error.to_string()))?
                } else {
                    of_build(&folder, output.name.as_str(), &identifiers, work.action.output_artifacts.len())?
                };
                let artifact = objects.store(&work.pipeline, &work.attempt, &output.name, &zip);
                stored.push(artifact.map_err(|error| system(error.to_string()))?);
            }
            Ok(stored)
        });
        stored.await.map_err(|error| system(error.to_string()))?
    }
}

fn of_build(
    folder: &Path,
    name: &str,
    identifiers: &[String],
    outputs: usize,
) -> Result<PathBuf, AttemptError> {
    let named = folder.join(format!("{name}.zip"));
    if named.exists() {
        return Ok(named);
    }
    let mut builds = identifiers.iter().map(|identifier| folder.join(format!("{identifier}.zip")));
    let first = (outputs == 1).then(|| builds.find(|zip| zip.exists())).flatten();
    first.ok_or_else(|| {
        let message = format!(
            "no build of the batch wrote the artifact `{name}`; call it like a build, or set CombineArtifacts to true; the builds are {}",
            identifiers.join(", ")
        );
        AttemptError::new(ErrorCode::JobFailed, message)
    })
}

/// One zip with the files of all builds; where two have the same file, the first build's counts.
fn combined(folder: &Path, identifiers: &[String]) -> Result<PathBuf, ArchiveError> {
    let target = folder.join(".combined.zip");
    let io = |source| ArchiveError::Io { what: "combining artifacts".into(), source };
    let mut entries = std::collections::BTreeMap::new();
    for identifier in identifiers {
        let zip = folder.join(format!("{identifier}.zip"));
        if !zip.exists() {
            continue;
        }
        let tree = folder.join(format!(".{identifier}"));
        extract(&zip, &tree, Limits::default())?;
        for entry in WalkDir::new(&tree).min_depth(1) {
            let entry = entry.map_err(|error| io(error.into()))?;
            let name =
                entry.path().strip_prefix(&tree).unwrap_or(entry.path()).to_string_lossy().into_owned();
            entries.entry(name).or_insert(entry);
        }
    }
    let mut writer = Writer::create(&target)?;
    for (name, entry) in entries {
        let metadata = entry.path().symlink_metadata().map_err(io)?;
        let mode = metadata.permissions().mode();
        if metadata.is_symlink() {
            let to = std::fs::read_link(entry.path()).map_err(io)?;
            writer.link(&name, &String::from_utf8_lossy(to.as_os_str().as_bytes()))?;
        } else if metadata.is_dir() {
            writer.folder(&name, mode)?;
        } else {
            writer.file(&name, mode, metadata.len(), File::open(entry.path()).map_err(io)?)?;
        }
    }
    writer.finish()?;
    Ok(target)
}
