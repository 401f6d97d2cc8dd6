//! How a build's outcome is reported: artifacts stored, exported variables handed on, a failure told with its command.

use penstock_app::engine::state::{AttemptError, ErrorCode, External};
use penstock_app::port::provider::{Done, Ending, Work};
use penstock_buildspec::{BuildStatus, Failure, Outcome};
use penstock_model::artifact::Artifact;
use penstock_model::time::Timestamp;

use super::Parts;
use crate::attempt_log::located;

/// As many last lines of the failing command go into the message.
const LAST_LINES: usize = 12;

impl Parts {
    pub(super) async fn ending(
        &self,
        work: &Work,
        outcome: Outcome,
        external: External,
        started_at: Timestamp,
    ) -> Ending {
        match outcome.status {
            BuildStatus::Succeeded => match self.store(work, &outcome).await {
                Ok(artifacts) => {
                    let summary = Some(summary(&outcome));
                    let variables = outcome.exported_variables.into_iter().collect();
                    let (external, started_at) = (Some(external), Some(started_at));
                    Ending::Succeeded(Box::new(Done {
                        artifacts,
                        variables,
                        revision: None,
                        external,
                        summary,
                        started_at,
                    }))
                }
                Err(error) => Ending::Failed { error, external: Some(external) },
            },
            BuildStatus::Stopped => Ending::Cancelled,
            BuildStatus::Failed => self.failed(work, &outcome, ErrorCode::JobFailed, external),
            BuildStatus::TimedOut => self.failed(work, &outcome, ErrorCode::TimedOut, external),
            BuildStatus::Fault => self.failed(work, &outcome, ErrorCode::SystemUnavailable, external),
        }
    }

    async fn store(&self, work: &Work, outcome: &Outcome) -> Result<Vec<Artifact>, AttemptError> {
        let mut stored = vec![];
        for output in &work.action.output_artifacts {
            let several = work.action.output_artifacts.len() > 1;
            let identifier = several.then(|| output.name.as_str());
            let built =
                outcome.artifacts.iter().find(|artifact| artifact.identifier.as_deref() == identifier);
            let built = built.ok_or_else(|| missing(output.name.as_str(), several))?.path.clone();
            let (objects, work, name) = (self.objects.clone(), work.clone(), output.name.clone());
            let task = tokio::task::spawn_blocking(move || {
                objects.store(&work.pipeline, &work.attempt, &name, &built)
            });
            let failed = |error: &dyn std::fmt::Display| {
                AttemptError::new(
                    ErrorCode::SystemUnavailable,
                    format!("storing the artifact `{}`: {error}", output.name),
                )
            };
            stored.push(task.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?);
        }
        Ok(stored)
    }

    fn failed(&self, work: &Work, outcome: &Outcome, code: ErrorCode, external: External) -> Ending {
        let mut message =
            outcome.failure.as_ref().map_or_else(|| format!("the build ended as {}", outcome.status), why);
        for case in outcome.reports.iter().flat_map(|report| &report.failing).take(5) {
            message.push_str(&format!("\nfailing test: {}", case.name));
        }
        located(&self.logs, &work.attempt, code, message, Some(external))
    }
}

/// The failing command, its exit code and its last lines.
pub(super) fn why(failure: &Failure) -> String {
    let mut message = match (&failure.command, failure.exit_code) {
        (Some(command), Some(code)) => {
            format!("`{command}` ended with exit code {code} in phase {}", failure.phase)
        }
        (Some(command), None) => {
            format!("`{command}` failed in phase {}: {}", failure.phase, failure.message)
        }
        (None, _) => format!("phase {} failed: {}: {}", failure.phase, failure.code, failure.message),
    };
    for line in &failure.last_lines[failure.last_lines.len().saturating_sub(LAST_LINES)..] {
        message.push_str("\n  ");
        message.push_str(line);
    }
    message
}

fn summary(outcome: &Outcome) -> String {
    let mut counts = (0, 0);
    for report in &outcome.reports {
        counts.0 += report.counts.total();
        counts.1 += report.counts.failed + report.counts.error;
    }
    match counts {
        (0, _) => "build succeeded".into(),
        (total, failed) => format!("build succeeded; {total} tests, {failed} failed"),
    }
}

fn missing(name: &str, several: bool) -> AttemptError {
    let message = match several {
        true => {
            format!("the build wrote no artifact `{name}`; add it to `secondary-artifacts` of the buildspec")
        }
        false => {
            format!("the build wrote no artifact for `{name}`; add `artifacts` with `files` to the buildspec")
        }
    };
    AttemptError::new(ErrorCode::JobFailed, message)
}
