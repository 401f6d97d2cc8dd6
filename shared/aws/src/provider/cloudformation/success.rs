//! What a stack hands on: its outputs as output variables and, under `OutputFileName`, as a file of the artifact.

use std::collections::BTreeMap;
use std::path::Path;

use penstock_app::port::PortError;
use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::provider::Done;
use penstock_archive::Writer;
use penstock_model::artifact::Artifact;

use super::stack_work::StackWork;
use super::stacks::Stack;
use crate::provider::failure::Failure;

/// The result of a good end. Without `OutputFileName` no artifact is made, as in `CodePipeline`.
pub(super) async fn done(
    stack_work: &StackWork<'_>,
    stack: Option<&Stack>,
    summary: &str,
) -> Result<Done, Failure> {
    let variables = stack.map(|stack| stack.outputs.clone()).unwrap_or_default();
    Ok(Done {
        artifacts: artifact(stack_work, &variables).await?.into_iter().collect(),
        external: stack.map(|stack| stack_work.external(&stack.id)),
        summary: Some(summary.to_owned()),
        variables,
        ..Done::default()
    })
}

async fn artifact(
    stack_work: &StackWork<'_>,
    outputs: &BTreeMap<String, String>,
) -> Result<Option<Artifact>, Failure> {
    let (Some(file), Some(output)) =
        (&stack_work.settings.output_file, stack_work.work.action.output_artifacts.first())
    else {
        return Ok(None);
    };
    let folder = tempfile::tempdir().map_err(|error| failed(&error))?;
    let zip = folder.path().join("outputs.zip");
    let json = serde_json::to_vec_pretty(outputs).map_err(|error| failed(&error))?;
    write(&zip, file, &json).map_err(|error| failed(&error))?;
    let work = stack_work.work;
    Ok(Some(stack_work.artifacts.put(&work.pipeline, &work.attempt, &output.name, &zip).await?))
}

fn write(zip: &Path, name: &str, content: &[u8]) -> Result<(), penstock_archive::ArchiveError> {
    let mut writer = Writer::create(zip)?;
    writer.file(name, 0o644, content.len() as u64, content)?;
    writer.finish().map(drop)
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::Passing(PortError::transient(format!("write the stack's outputs: {error}")))
}
