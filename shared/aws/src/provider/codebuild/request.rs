//! A plan as `StartBuild` and `StartBuildBatch` take it.

use aws_sdk_codebuild::error::BuildError;
use aws_sdk_codebuild::types::{
    ArtifactNamespace, ArtifactPackaging, ArtifactsType, EnvironmentVariable, EnvironmentVariableType,
    ProjectArtifacts, ProjectBuildBatchConfig, ProjectSource, ProjectSourceVersion, SourceType,
};
use aws_sdk_codebuild::{Client, operation};
use operation::start_build::builders::StartBuildFluentBuilder;
use operation::start_build_batch::builders::StartBuildBatchFluentBuilder;
use penstock_app::port::provider::Work;
use penstock_model::artifact::Artifact;
use penstock_model::pipeline::OutputArtifact;

use super::destination::Destination;
use super::plan::{ATTEMPT, Batch, Plan, Sources, Variable};

/// The most secondary artifacts of a build (`ProjectArtifactsList`).
const MAX_SECONDARY: usize = 12;

/// The parts that both calls have.
struct Parts {
    source: String,
    source_version: Option<String>,
    secondary_sources: Vec<ProjectSource>,
    secondary_versions: Vec<ProjectSourceVersion>,
    artifacts: ProjectArtifacts,
    secondary_artifacts: Vec<ProjectArtifacts>,
    variables: Vec<EnvironmentVariable>,
}

/// What both calls take, in `builder`: their builders are two types with the same methods.
macro_rules! filled {
    ($builder:expr, $work:expr, $plan:expr, $destination:expr) => {{
        let parts = parts($work, $plan, $destination)?;
        $builder
            .project_name(&$plan.project)
            .idempotency_token($work.attempt.token())
            .source_type_override(SourceType::S3)
            .source_location_override(parts.source)
            .set_source_version(parts.source_version)
            .set_secondary_sources_override(some(parts.secondary_sources))
            .set_secondary_sources_version_override(some(parts.secondary_versions))
            .artifacts_override(parts.artifacts)
            .set_secondary_artifacts_override(Some(parts.secondary_artifacts))
            .set_environment_variables_override(Some(parts.variables))
            .set_buildspec_override($plan.buildspec.clone())
            .set_service_role_override($plan.service_role.clone())
            .set_encryption_key_override($destination.encryption_key.clone())
    }};
}

pub(super) fn start_build(
    client: &Client,
    work: &Work,
    plan: &Plan,
    destination: &Destination,
) -> Result<StartBuildFluentBuilder, BuildError> {
    Ok(filled!(client.start_build(), work, plan, destination)
        .set_environment_type_override(plan.machine.environment.clone())
        .set_compute_type_override(plan.machine.compute.clone())
        .set_image_override(plan.machine.image.clone())
        .set_timeout_in_minutes_override(plan.timeout_minutes))
}

pub(super) fn start_batch(
    client: &Client,
    work: &Work,
    plan: &Plan,
    batch: Batch,
    destination: &Destination,
) -> Result<StartBuildBatchFluentBuilder, BuildError> {
    let combine = ProjectBuildBatchConfig::builder().combine_artifacts(true).build();
    Ok(filled!(client.start_build_batch(), work, plan, destination)
        .set_build_batch_config_override(batch.combine.then_some(combine)))
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn parts(work: &Work, plan: &Plan, destination: &Destination) -> Result<Parts, BuildError> {
    let Sources { primary, secondary } = &plan.sources;
    let secondary_sources = secondary.iter().map(|(identifier, source)| {
        let builder = ProjectSource::builder().r#type(SourceType::S3).location(location(source));
        builder.source_identifier(identifier).build()
    });
    let versions = secondary.iter().filter_map(|(identifier, source)| {
        let version = source.version_id.as_ref()?;
        Some(ProjectSourceVersion::builder().source_identifier(identifier).source_version(version).build())
    });
    let (artifacts, secondary_artifacts) = artifacts(work, plan.batch, destination)?;
    Ok(Parts {
        source: location(primary),
        source_version: primary.version_id.clone(),
        secondary_sources: secondary_sources.collect::<Result<_, _>>()?,
        secondary_versions: versions.collect::<Result<_, _>>()?,
        artifacts,
        secondary_artifacts,
        variables: variables(work, plan)?,
    })
}

fn location(source: &Artifact) -> String {
    format!("{}/{}", source.bucket, source.key)
}

/// One output is the build's primary artifact, several are its secondary ones.
fn artifacts(
    work: &Work,
    batch: Option<Batch>,
    destination: &Destination,
) -> Result<(ProjectArtifacts, Vec<ProjectArtifacts>), BuildError> {
    let none = ProjectArtifacts::builder().r#type(ArtifactsType::NoArtifacts);
    match (work.action.output_artifacts.as_slice(), batch) {
        ([], _) => Ok((none.build()?, vec![])),
        (outputs, Some(batch)) => of_batch(outputs, batch, destination),
        ([only], None) => Ok((in_s3(destination, &Destination::file(&only.name), None)?, vec![])),
        (several, None) => {
            let secondary = several.iter().map(|output| {
                in_s3(destination, &Destination::file(&output.name), Some(output.name.as_str()))
            });
            Ok((none.build()?, secondary.collect::<Result<_, _>>()?))
        }
    }
}

/// An output that is called `<build>_<artifact>` is a secondary one.
fn of_batch(
    outputs: &[OutputArtifact],
    batch: Batch,
    destination: &Destination,
) -> Result<(ProjectArtifacts, Vec<ProjectArtifacts>), BuildError> {
    let primary = in_s3(destination, "artifact.zip", None)?;
    if batch.combine {
        return Ok((primary, vec![]));
    }
    let mut identifiers: Vec<&str> =
        outputs.iter().filter_map(|output| secondary_of(output, outputs)).collect();
    identifiers.sort_unstable();
    identifiers.dedup();
    identifiers.truncate(MAX_SECONDARY);
    let secondary = identifiers
        .into_iter()
        .map(|identifier| in_s3(destination, &format!("{identifier}.zip"), Some(identifier)));
    Ok((primary, secondary.collect::<Result<_, _>>()?))
}

/// The artifact's identifier in `<build>_<artifact>`. Which builds there are stands in the buildspec; here another output
/// that is called like the build tells it, else the first underscore.
fn secondary_of<'a>(output: &'a OutputArtifact, outputs: &[OutputArtifact]) -> Option<&'a str> {
    let name = output.name.as_str();
    let build = outputs.iter().filter_map(|other| name.strip_prefix(other.name.as_str())?.strip_prefix('_'));
    build
        .min_by_key(|rest| rest.len())
        .or_else(|| Some(name.split_once('_')?.1))
        .filter(|rest| !rest.is_empty())
}

fn in_s3(
    destination: &Destination,
    file: &str,
    identifier: Option<&str>,
) -> Result<ProjectArtifacts, BuildError> {
    ProjectArtifacts::builder()
        .r#type(ArtifactsType::S3)
        .location(&destination.bucket)
        .path(&destination.path)
        .namespace_type(ArtifactNamespace::BuildId)
        .name(file)
        .packaging(ArtifactPackaging::Zip)
        // The name in the buildspec does not count: we have to find the object.
        .override_artifact_name(false)
        // Without a key of the store's, the bucket's own encryption applies and not that of the project's key.
        .encryption_disabled(destination.encryption_key.is_none())
        .set_artifact_identifier(identifier.map(str::to_owned))
        .build()
}

fn variables(work: &Work, plan: &Plan) -> Result<Vec<EnvironmentVariable>, BuildError> {
    let source_version = work.source_version(Some(&plan.sources.primary.name));
    let ours = [
        (ATTEMPT, Some(work.attempt.to_string())),
        ("PENSTOCK_EXECUTION_ID", Some(work.attempt.execution.to_string())),
        ("PENSTOCK_PIPELINE", Some(work.pipeline.to_string())),
        ("PENSTOCK_SOURCE_VERSION", source_version.map(str::to_owned)),
    ];
    let ours = ours.into_iter().filter_map(|(name, value)| {
        Some(Variable { name: name.to_owned(), value: value?, kind: EnvironmentVariableType::Plaintext })
    });
    let all = plan.variables.iter().cloned().chain(ours);
    all.map(|Variable { name, value, kind }| {
        EnvironmentVariable::builder().name(name).value(value).r#type(kind).build()
    })
    .collect()
}
