//! Batches of builds: started once, found again, observed, stopped.
//!
//! An output artifact called like a build of the batch is that build's primary artifact, `<build>_<artifact>` a
//! secondary one ("Batch build with individual artifacts" in the `CodeBuild` user guide); combined artifacts are one.

use std::collections::BTreeMap;

use aws_sdk_codebuild::error::SdkError;
use aws_sdk_codebuild::operation::list_build_batches_for_project::ListBuildBatchesForProjectError;
use aws_sdk_codebuild::operation::start_build_batch::StartBuildBatchError;
use aws_sdk_codebuild::operation::stop_build_batch::StopBuildBatchError;
use aws_sdk_codebuild::types::{
    BuildBatch, BuildBatchPhase, BuildGroup, BuildSummary, ProjectEnvironment, SortOrderType, StatusType,
};
use penstock_app::engine::state::{AttemptError, External};
use penstock_app::port::PortError;
use penstock_app::port::provider::{Done, Ending, Observation, Work};
use penstock_model::artifact::Artifact;
use penstock_model::id::ArtifactName;
use penstock_model::pipeline::OutputArtifact;
use penstock_model::plain;
use penstock_model::time::Timestamp;

use super::builds::{Builds, MISSING_PROJECT, names_attempt, oldest};
use super::plan::{Batch, Plan};
use super::runner::Place;
use super::{console, failure, log, outputs, request};
use crate::error::port_error;
use crate::provider::failure::Failure;

/// As many builds as one call reads (CodeBuild API reference, `BatchGetBuilds`).
const BUILDS_OF_A_CALL: usize = 100;

/// Batches of builds.
pub(super) struct Batches<'a>(pub(super) &'a Place<'a>);

impl Batches<'_> {
    pub(super) async fn start(
        &self,
        work: &Work,
        plan: &Plan,
        batch: Batch,
        taken_over: bool,
    ) -> Result<External, Failure> {
        if taken_over && let Some(found) = self.find(&plan.project, work).await? {
            return Ok(found);
        }
        let call = request::start_batch(&self.0.client, work, plan, batch, &self.0.destination);
        let call = call.map_err(|error| Failure::configuration(error.to_string()))?;
        let answer = call.send().await.map_err(|error| refused(&plan.project, &error))?;
        let started = answer.build_batch.as_ref().and_then(external);
        started.ok_or_else(|| Failure::Passing(PortError::transient("start a batch: the answer names none")))
    }

    /// The batch of this attempt among those of `project`, by its environment variable.
    pub(super) async fn find(&self, project: &str, work: &Work) -> Result<Option<External>, Failure> {
        let (client, attempt) = (&self.0.client, work.attempt.to_string());
        let oldest = oldest(work);
        let is_ours = |batch: &&BuildBatch| {
            let variables = batch.environment.as_ref().map(ProjectEnvironment::environment_variables);
            names_attempt(variables.unwrap_or_default(), &attempt)
        };
        let mut token = None;
        loop {
            let call = client.list_build_batches_for_project().project_name(project).set_next_token(token);
            let page = match call.sort_order(SortOrderType::Descending).max_results(100).send().await {
                Ok(page) => page,
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(ListBuildBatchesForProjectError::is_resource_not_found_exception) =>
                {
                    return Ok(None);
                }
                Err(error) => {
                    return Err(Failure::of_look(&format!("list the batches of `{project}`"), &error));
                }
            };
            if page.ids().is_empty() {
                return Ok(None);
            }
            let got = client.batch_get_build_batches().set_ids(page.ids).send().await;
            let got =
                got.map_err(|error| Failure::of_look(&format!("read the batches of `{project}`"), &error))?;
            if let Some(found) = got.build_batches().iter().find(is_ours) {
                return Ok(external(found));
            }
            let is_old = |batch: &BuildBatch| batch.start_time().is_some_and(|time| time.secs() < oldest);
            token = page.next_token.filter(|_| !got.build_batches().iter().any(is_old));
            if token.is_none() {
                return Ok(None);
            }
        }
    }

    pub(super) async fn observe(&self, work: &Work, known: &External) -> Result<Observation, Failure> {
        let Some(batch) = self.get(&known.id).await? else { return Ok(Observation::Gone) };
        if !has_ended(&batch) {
            return Ok(Observation::Running);
        }
        let external = external(&batch).unwrap_or_else(|| known.clone());
        Ok(Observation::Ended(self.ending(work, &batch, external).await?))
    }

    pub(super) async fn stop(&self, work: &Work, id: &str) -> Result<Observation, Failure> {
        let batch = match self.0.client.stop_build_batch().id(id).send().await {
            Ok(answer) => answer.build_batch,
            Err(error) => match error.as_service_error() {
                Some(StopBuildBatchError::ResourceNotFoundException(_)) => return Ok(Observation::Gone),
                // One that has ended cannot be stopped.
                Some(StopBuildBatchError::InvalidInputException(_)) => self.get(id).await?,
                Some(_) | None => return Err(Failure::of_call(&format!("stop batch {id}"), &error)),
            },
        };
        let Some(batch) = batch else { return Ok(Observation::Gone) };
        if !has_ended(&batch) {
            return Ok(Observation::Running);
        }
        let external = external(&batch).unwrap_or_else(|| External { id: id.to_owned(), url: None });
        let ending = self.ending(work, &batch, external).await?;
        let is_stopped = batch.build_batch_status == Some(StatusType::Stopped);
        let is_cancelled = is_stopped && matches!(ending, Ending::Failed { .. });
        Ok(Observation::Ended(if is_cancelled { Ending::Cancelled } else { ending }))
    }

    async fn get(&self, id: &str) -> Result<Option<BuildBatch>, Failure> {
        let got = self.0.client.batch_get_build_batches().ids(id).send().await;
        let got = got.map_err(|error| Failure::of_look(&format!("read batch {id}"), &error))?;
        Ok(got.build_batches.and_then(|batches| batches.into_iter().next()))
    }

    async fn ending(&self, work: &Work, batch: &BuildBatch, external: External) -> Result<Ending, Failure> {
        if batch.build_batch_status != Some(StatusType::Succeeded) {
            let error = self.error(work, batch).await?;
            return Ok(Ending::Failed { error, external: Some(external) });
        }
        let mut artifacts = vec![];
        for output in &work.action.output_artifacts {
            match self.artifact(work, batch, &output.name).await {
                Ok(artifact) => artifacts.push(artifact),
                Err(failure) => return Ok(failure.ending(Some(external))?),
            }
        }
        let variables = match self.variables(work, batch).await {
            Ok(variables) => variables,
            Err(failure) => return Ok(failure.ending(Some(external))?),
        };
        Ok(Ending::Succeeded(Box::new(Done {
            artifacts,
            variables,
            external: Some(external),
            summary: Some(format!("batch of {} builds succeeded", batch.build_groups().len())),
            started_at: batch.start_time().and_then(|time| time.to_millis().ok()).map(Timestamp),
            ..Done::default()
        })))
    }

    /// What the builds exported; of builds that export the same name, the last in the batch's order says what it is.
    /// Without a namespace nothing can refer to it, and the builds are not asked for.
    async fn variables(&self, work: &Work, batch: &BuildBatch) -> Result<BTreeMap<String, String>, Failure> {
        let mut variables = BTreeMap::new();
        if work.action.namespace.is_none() {
            return Ok(variables);
        }
        let ids: Vec<String> = batch.build_groups().iter().filter_map(build_of).collect();
        for ids in ids.chunks(BUILDS_OF_A_CALL) {
            let mut exported = Builds(self.0).exported(ids).await?;
            ids.iter().filter_map(|id| exported.remove(id)).for_each(|of_one| variables.extend(of_one));
        }
        Ok(variables)
    }

    async fn artifact(
        &self,
        work: &Work,
        batch: &BuildBatch,
        name: &ArtifactName,
    ) -> Result<Artifact, Failure> {
        let combined = batch.build_batch_config.as_ref().and_then(|config| config.combine_artifacts);
        let location = if combined == Some(true) {
            batch.artifacts.as_ref().and_then(|artifacts| artifacts.location.as_deref())
        } else {
            location(batch.build_groups(), name, &work.action.output_artifacts)
        };
        let Some((bucket, key)) = location.and_then(outputs::place_of) else {
            let builds = batch.build_groups().iter().filter_map(|group| group.identifier.as_deref());
            let builds = builds.collect::<Vec<_>>().join(", ");
            return Err(Failure::job(format!(
                "no build of the batch wrote the artifact `{name}`; call it like a build, `<build>_<artifact>`, or set CombineArtifacts to true; the builds are {builds}"
            )));
        };
        Ok(outputs::one(&self.0.storage(), name, bucket, key).await?)
    }

    /// Why the batch failed: each build that did, the log's end of the first.
    async fn error(&self, work: &Work, batch: &BuildBatch) -> Result<AttemptError, Failure> {
        let status = batch.build_batch_status.as_ref();
        let mut message = match status.map_or("", StatusType::as_str) {
            "STOPPED" => "the batch was stopped".to_owned(),
            "TIMED_OUT" => "the batch took longer than it may".to_owned(),
            other => format!("the batch ended as {other}"),
        };
        let said = batch.phases().iter().flat_map(BuildBatchPhase::contexts);
        for context in said.filter_map(|context| context.message()).filter(|message| !message.is_empty()) {
            message.push_str(": ");
            message.push_str(&plain::line(context));
        }
        let failing: Vec<(&str, &BuildSummary)> = batch.build_groups().iter().filter_map(failing).collect();
        for (index, (identifier, summary)) in failing.iter().enumerate() {
            message.push_str(&format!("\nbuild `{identifier}`: "));
            match (index, id_of(summary)) {
                (0, Some(id)) => message.push_str(&match self.why(work, id).await {
                    // The batch has ended: without this right it would be looked at for ever.
                    Err(Failure::Unseen(error)) => error.message,
                    why => why?,
                }),
                (_, _) => message.push_str(summary.build_status.as_ref().map_or("", StatusType::as_str)),
            }
        }
        Ok(AttemptError { code: failure::code(status).into(), message })
    }

    async fn why(&self, work: &Work, id: &str) -> Result<String, Failure> {
        let Some(build) = Builds(self.0).get(id).await? else { return Ok("it is gone".into()) };
        let log = log::end_of(&self.0.sdk, &build).await;
        if let Some(Ok(log)) = &log {
            self.0.keep(work, log).await;
        }
        Ok(failure::message(&build, log.as_ref()))
    }
}

/// The id of the build that the group runs or ran last.
fn build_of(group: &BuildGroup) -> Option<String> {
    id_of(group.current_build_summary.as_ref()?).map(str::to_owned)
}

fn id_of(summary: &BuildSummary) -> Option<&str> {
    Some(summary.arn.as_deref()?.split_once('/')?.1)
}

/// Where the artifact of this name lies. A single output of another name is the first build's.
fn location<'a>(
    groups: &'a [BuildGroup],
    name: &ArtifactName,
    outputs: &[OutputArtifact],
) -> Option<&'a str> {
    let name = name.as_str();
    for group in groups {
        let (Some(identifier), Some(summary)) = (&group.identifier, &group.current_build_summary) else {
            continue;
        };
        let primary = summary.primary_artifact.as_ref().and_then(|artifact| artifact.location.as_deref());
        if name == identifier {
            return primary;
        }
        let Some(wanted) = name.strip_prefix(identifier.as_str()).and_then(|rest| rest.strip_prefix('_'))
        else {
            continue;
        };
        let mut secondary = summary.secondary_artifacts().iter();
        if let Some(found) = secondary.find(|artifact| artifact.identifier.as_deref() == Some(wanted)) {
            return found.location.as_deref();
        }
    }
    let summaries = groups.iter().filter_map(|group| group.current_build_summary.as_ref());
    let mut primaries =
        summaries.filter_map(|summary| summary.primary_artifact.as_ref()?.location.as_deref());
    if outputs.len() == 1 { primaries.next() } else { None }
}

fn failing(group: &BuildGroup) -> Option<(&str, &BuildSummary)> {
    let summary = group.current_build_summary.as_ref()?;
    let status = summary.build_status.as_ref().map_or("", StatusType::as_str);
    let has_failed = matches!(status, "FAILED" | "FAULT" | "TIMED_OUT") && !group.ignore_failure;
    has_failed.then(|| (group.identifier.as_deref().unwrap_or_default(), summary))
}

fn external(batch: &BuildBatch) -> Option<External> {
    let url = batch.arn.as_deref().and_then(console::link);
    Some(External { id: batch.id.clone()?, url })
}

fn has_ended(batch: &BuildBatch) -> bool {
    batch.build_batch_status != Some(StatusType::InProgress) && (batch.complete || batch.end_time.is_some())
}

fn refused(project: &str, error: &SdkError<StartBuildBatchError>) -> Failure {
    let what = format!("start a batch of `{project}`");
    let way_out = match error.as_service_error() {
        Some(StartBuildBatchError::InvalidInputException(_)) => {
            "a batch needs a batch service role in the project"
        }
        Some(StartBuildBatchError::ResourceNotFoundException(_)) => MISSING_PROJECT,
        Some(_) | None => return Failure::of_call(&what, error),
    };
    Failure::configuration(format!("failed to {}; {way_out}", port_error(&what, error).message))
}

#[cfg(test)]
mod tests {
    use aws_sdk_codebuild::types::ResolvedArtifact;
    use penstock_testkit::build::{build, name};

    use super::*;

    fn group(identifier: &str) -> BuildGroup {
        let at = |path: &str| ResolvedArtifact::builder().location(format!("arn:aws:s3:::b/{path}"));
        let summary = BuildSummary::builder()
            .primary_artifact(at(identifier).build())
            .secondary_artifacts(at(&format!("{identifier}/docs")).identifier("docs").build());
        BuildGroup::builder().identifier(identifier).current_build_summary(summary.build()).build()
    }

    #[test]
    fn outputs_are_found_by_the_names_of_builds() {
        let groups = [group("linux"), group("linux_arm")];
        let several = build("B").produces("linux").produces("x").build().output_artifacts;
        let find = |called: &str| location(&groups, &name(called), &several);
        assert_eq!(find("linux_arm"), Some("arn:aws:s3:::b/linux_arm"));
        assert_eq!(find("linux_docs"), Some("arn:aws:s3:::b/linux/docs"));
        assert_eq!(find("linux_arm_docs"), Some("arn:aws:s3:::b/linux_arm/docs"));
        assert_eq!(find("other"), None);
        assert_eq!(location(&groups, &name("other"), &several[..1]), Some("arn:aws:s3:::b/linux"));
    }
}
