//! What a stack hands on: its outputs as output variables and, under `OutputFileName`, as a file of the artifact.

use std::collections::BTreeMap;
use std::path::Path;

use penstock_app::port::PortError;
use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::provider::Done;
use penstock_archive::Writer;
use penstock_model::artifact::Artifact;

use super::job::Job;
use super::stacks::Stack;
use crate::provider::failure::Failure;

/// The result of a good end. Without `OutputFileName` no artifact is made, as in `CodePipeline`.
pub(super) async fn done(job: &Job<'_>, stack: Option<&Stack>, summary: &str) -> Result<Done, Failure> {
    let variables = stack.map(|stack| stack.outputs.clone()).unwrap_or_default();
    Ok(Done {
        artifacts: artifact(job, &variables).await?.into_iter().collect(),
        external: stack.map(|stack| job.external(&stack.id)),
        summary: Some(summary.to_owned()),
        variables,
        ..Done::default()
    })
}

async fn artifact(job: &Job<'_>, outputs: &BTreeMap<String, String>) -> Result<Option<Artifact>, Failure> {
    let (Some(file), Some(output)) = (&job.settings.output_file, job.work.action.output_artifacts.first())
    else {
        return Ok(None);
    };
    let folder = tempfile::tempdir().map_err(|error| failed(&error))?;
    let zip = folder.path().join("outputs.zip");
    let json = serde_json::to_vec_pretty(outputs).map_err(|error| failed(&error))?;
    write(&zip, file, &json).map_err(|error| failed(&error))?;
    let work = job.work;
    Ok(Some(job.artifacts.put(&work.pipeline, &work.attempt, &output.name, &zip).await?))
}

fn write(zip: &Path, name: &str, content: &[u8]) -> Result<(), penstock_archive::ArchiveError> {
    let mut writer = Writer::create(zip)?;
    writer.file(name, 0o644, content.len() as u64, content)?;
    writer.finish().map(drop)
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::Passing(PortError::transient(format!("write the stack's outputs: {error}")))
}
