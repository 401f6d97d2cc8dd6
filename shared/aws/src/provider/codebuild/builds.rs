//! Single builds: started once, found again, observed, stopped.

use std::collections::BTreeMap;

use aws_sdk_codebuild::error::SdkError;
use aws_sdk_codebuild::operation::list_builds_for_project::ListBuildsForProjectError;
use aws_sdk_codebuild::operation::start_build::StartBuildError;
use aws_sdk_codebuild::operation::stop_build::StopBuildError;
use aws_sdk_codebuild::types::{Build, EnvironmentVariable, ProjectEnvironment, SortOrderType, StatusType};
use penstock_app::engine::state::External;
use penstock_app::port::PortError;
use penstock_app::port::provider::{Done, Ending, Observation, Work};
use penstock_model::time::Timestamp;

use super::plan::{ATTEMPT, Plan};
use super::runner::Place;
use super::{console, failure, log, outputs, request};
use crate::error::port_error;
use crate::provider::failure::Failure;

/// Since when a build or batch of an attempt may have been started, in seconds: an action takes at most 36 hours, and it
/// may have begun a little before the clock of the service says so.
pub(super) fn oldest(work: &Work) -> i64 {
    work.deadline.0 / 1000 - 37 * 3600
}

/// What to do about a project that is not there.
pub(super) const MISSING_PROJECT: &str =
    "create the project in the action's region, or correct `ProjectName`";

/// Single builds.
pub(super) struct Builds<'a>(pub(super) &'a Place<'a>);

impl Builds<'_> {
    pub(super) async fn start(
        &self,
        work: &Work,
        plan: &Plan,
        taken_over: bool,
    ) -> Result<External, Failure> {
        if taken_over && let Some(found) = self.find(&plan.project, work).await? {
            return Ok(found);
        }
        let call = request::start_build(&self.0.client, work, plan, &self.0.destination);
        let call = call.map_err(|error| Failure::configuration(error.to_string()))?;
        let answer = call.send().await.map_err(|error| refused(&plan.project, &error))?;
        let build = answer.build_value.as_ref().and_then(external);
        build.ok_or_else(|| Failure::Passing(PortError::transient("start a build: the answer names none")))
    }

    /// The build of this attempt among those of `project`, by its environment variable.
    pub(super) async fn find(&self, project: &str, work: &Work) -> Result<Option<External>, Failure> {
        let (client, attempt) = (&self.0.client, work.attempt.to_string());
        let oldest = oldest(work);
        let mut token = None;
        loop {
            let call = client.list_builds_for_project().project_name(project).set_next_token(token);
            let page = match call.sort_order(SortOrderType::Descending).send().await {
                Ok(page) => page,
                Err(error)
                    if is_missing(
                        error
                            .as_service_error()
                            .map(ListBuildsForProjectError::is_resource_not_found_exception),
                    ) =>
                {
                    return Ok(None);
                }
                Err(error) => {
                    return Err(Failure::of_look(&format!("list the builds of `{project}`"), &error));
                }
            };
            if page.ids().is_empty() {
                return Ok(None);
            }
            let got = client.batch_get_builds().set_ids(page.ids.clone()).send().await;
            let got =
                got.map_err(|error| Failure::of_look(&format!("read the builds of `{project}`"), &error))?;
            if let Some(found) = got.builds().iter().find(|build| is_of(build, &attempt)) {
                return Ok(external(found));
            }
            let is_old = |build: &Build| build.start_time().is_some_and(|time| time.secs() < oldest);
            token = page.next_token.filter(|_| !got.builds().iter().any(is_old));
            if token.is_none() {
                return Ok(None);
            }
        }
    }

    pub(super) async fn observe(&self, work: &Work, known: &External) -> Result<Observation, Failure> {
        let Some(build) = self.get(&known.id).await? else { return Ok(Observation::Gone) };
        if !has_ended(&build) {
            return Ok(Observation::Running);
        }
        let external = external(&build).unwrap_or_else(|| known.clone());
        Ok(Observation::Ended(self.ending(work, &build, external).await?))
    }

    pub(super) async fn stop(&self, work: &Work, id: &str) -> Result<Observation, Failure> {
        let build = match self.0.client.stop_build().id(id).send().await {
            Ok(answer) => answer.build_value,
            Err(error) => match error.as_service_error() {
                Some(StopBuildError::ResourceNotFoundException(_)) => return Ok(Observation::Gone),
                // One that has ended cannot be stopped.
                Some(StopBuildError::InvalidInputException(_)) => self.get(id).await?,
                Some(_) | None => return Err(Failure::of_call(&format!("stop build {id}"), &error)),
            },
        };
        let Some(build) = build else { return Ok(Observation::Gone) };
        if !has_ended(&build) {
            return Ok(Observation::Running);
        }
        let external = external(&build).unwrap_or_else(|| External { id: id.to_owned(), url: None });
        let ending = self.ending(work, &build, external).await?;
        let is_cancelled = is_stopped(&build) && matches!(ending, Ending::Failed { .. });
        Ok(Observation::Ended(if is_cancelled { Ending::Cancelled } else { ending }))
    }

    pub(super) async fn get(&self, id: &str) -> Result<Option<Build>, Failure> {
        let got = self.0.client.batch_get_builds().ids(id).send().await;
        let got = got.map_err(|error| Failure::of_look(&format!("read build {id}"), &error))?;
        Ok(got.builds.and_then(|builds| builds.into_iter().next()))
    }

    /// What each of these builds, at most a hundred, exported.
    pub(super) async fn exported(
        &self,
        ids: &[String],
    ) -> Result<BTreeMap<String, BTreeMap<String, String>>, Failure> {
        let got = self.0.client.batch_get_builds().set_ids(Some(ids.to_vec())).send().await;
        // The batch has ended: without this right it would be looked at for ever.
        let got = got.map_err(|error| Failure::of_call("read the builds of the batch", &error))?;
        let of_build = |build: &Build| Some((build.id.clone()?, exported(build)));
        Ok(got.builds().iter().filter_map(of_build).collect())
    }

    async fn ending(&self, work: &Work, build: &Build, external: External) -> Result<Ending, PortError> {
        let log = log::end_of(&self.0.sdk, build).await;
        if let Some(Ok(log)) = &log {
            self.0.keep(work, log).await;
        }
        if build.build_status != Some(StatusType::Succeeded) {
            let error = failure::error(build, log.as_ref());
            return Ok(Ending::Failed { error, external: Some(external) });
        }
        let artifacts = match outputs::of_build(&self.0.storage(), work, build).await {
            Ok(artifacts) => artifacts,
            Err(failure) => return failure.ending(Some(external)),
        };
        Ok(Ending::Succeeded(Box::new(Done {
            artifacts,
            variables: exported(build),
            revision: None,
            external: Some(external),
            summary: Some(summary(build)),
            started_at: build.start_time().and_then(|time| time.to_millis().ok()).map(Timestamp),
        })))
    }
}

/// The variables that the build exported.
fn exported(build: &Build) -> BTreeMap<String, String> {
    let all = build.exported_environment_variables().iter();
    all.filter_map(|it| Some((it.name.clone()?, it.value.clone().unwrap_or_default()))).collect()
}

fn summary(build: &Build) -> String {
    match build.build_number {
        Some(number) => format!("build {number} succeeded"),
        None => "the build succeeded".into(),
    }
}

/// The build's id and its page.
fn external(build: &Build) -> Option<External> {
    let url = build.arn.as_deref().and_then(console::link);
    Some(External { id: build.id.clone()?, url })
}

/// Whether nothing of it runs any more.
fn has_ended(build: &Build) -> bool {
    build.build_status != Some(StatusType::InProgress) && (build.build_complete || build.end_time.is_some())
}

fn is_stopped(build: &Build) -> bool {
    build.build_status == Some(StatusType::Stopped)
}

fn is_of(build: &Build, attempt: &str) -> bool {
    let variables = build.environment.as_ref().map(ProjectEnvironment::environment_variables);
    names_attempt(variables.unwrap_or_default(), attempt)
}

/// Whether the environment variables are those of a build of `attempt`.
pub(super) fn names_attempt(variables: &[EnvironmentVariable], attempt: &str) -> bool {
    variables.iter().any(|variable| variable.name == ATTEMPT && variable.value == attempt)
}

fn is_missing(not_found: Option<bool>) -> bool {
    not_found == Some(true)
}

fn refused(project: &str, error: &SdkError<StartBuildError>) -> Failure {
    let what = format!("start a build of `{project}`");
    match error.as_service_error() {
        // As many builds wait or run as the account may have.
        Some(StartBuildError::AccountLimitExceededException(_)) => {
            Failure::Passing(PortError::transient(port_error(&what, error).message))
        }
        Some(StartBuildError::ResourceNotFoundException(_)) => Failure::configuration(format!(
            "failed to {}; {MISSING_PROJECT}",
            port_error(&what, error).message
        )),
        Some(_) | None => Failure::of_call(&what, error),
    }
}
