//! What became of a commit in a pipeline, decided from the execution as it stands when the status is set: a record that
//! is told late never sets a status back.

use std::sync::Arc;

use penstock_engine::event::Fact;
use penstock_engine::state::{Execution, ExecutionKind, ExecutionStatus};
use penstock_model::pipeline::{Action, Category, Pipeline};

use super::plain::line;
use super::{Notify, Story};
use crate::error::AppError;
use crate::port::PortError;
use crate::port::statuses::{CommitStatus, StatusState, Statuses};
use crate::port::store::Record;
use crate::view::trigger_in_words;

/// The longest description that GitHub takes, in characters.
const MAX_DESCRIPTION: usize = 140;
/// Among how many of the newest executions a newer one of the same commit is looked for.
const LOOK_BACK: usize = 25;

/// Whether a commit's status may be another one after this.
pub(super) fn may_change(fact: &Fact) -> bool {
    match fact {
        Fact::ExecutionAdmitted { execution } => !execution.overrides.is_empty(),
        Fact::AttemptSucceeded { success, .. } => success.revision.is_some(),
        Fact::StageRetried { .. } | Fact::ExecutionEnded { .. } => true,
        Fact::Defined { .. }
        | Fact::Deleted
        | Fact::TransitionDisabled { .. }
        | Fact::TransitionEnabled { .. }
        | Fact::ArtifactsReleased { .. }
        | Fact::StopRequested { .. }
        | Fact::StageAwaited { .. }
        | Fact::StageEntered { .. }
        | Fact::StageEnded { .. }
        | Fact::AttemptScheduled { .. }
        | Fact::AttemptStarted { .. }
        | Fact::AttemptResent { .. }
        | Fact::AttemptChecked { .. }
        | Fact::AttemptCancelling { .. }
        | Fact::CancellationSettled { .. }
        | Fact::VerdictGiven { .. }
        | Fact::AttemptFailed { .. }
        | Fact::AttemptAbandoned { .. } => false,
    }
}

impl Notify {
    /// Sets the status of each commit that the execution carries. What GitHub refuses for good, such as a token
    /// without the right to it, is logged and no reason to tell the record again.
    pub(super) async fn set_statuses(
        &self,
        statuses: &dyn Statuses,
        record: &Record,
        story: &Story,
    ) -> Result<(), AppError> {
        let mut failures = vec![];
        for status in of(&story.execution, &story.pipeline, &self.base_url.pipeline_page(&record.pipeline)) {
            if repeats(record, &story.execution, &status)
                || self.is_overtaken(&story.execution, &status).await?
            {
                continue;
            }
            match statuses.set(&status).await {
                Ok(()) => {}
                Err(error) if error.retryable => failures.push(error),
                Err(PortError { message, .. }) => {
                    tracing::warn!(pipeline = %record.pipeline, commit = status.commit, "failed to {message}");
                }
            }
        }
        super::all_of(failures)
    }

    /// Whether a newer execution carries the same commit: its status counts, whatever becomes of this one.
    async fn is_overtaken(&self, execution: &Execution, status: &CommitStatus) -> Result<bool, AppError> {
        let newer = |found: &Arc<Execution>| found.sequence > execution.sequence;
        if !self.store.executions(&execution.pipeline, None, 1).await?.first().is_some_and(newer) {
            return Ok(false);
        }
        let newest = self.store.executions(&execution.pipeline, None, LOOK_BACK).await?;
        Ok(newest
            .iter()
            .filter(|found| newer(found))
            .any(|found| found.kind == ExecutionKind::Standard && carries(found, &status.commit)))
    }
}

fn carries(execution: &Execution, commit: &str) -> bool {
    execution.revisions.values().any(|revision| revision.id == commit)
        || execution.overrides.iter().any(|asked| asked.value == commit)
}

/// Whether the record only says that a commit was fetched which was known, and shown as pending, from the start.
fn repeats(record: &Record, execution: &Execution, status: &CommitStatus) -> bool {
    status.state == StatusState::Pending
        && execution.overrides.iter().any(|asked| asked.value == status.commit)
        && !record
            .events
            .iter()
            .any(|event| matches!(event.fact, Fact::ExecutionAdmitted { .. } | Fact::StageRetried { .. }))
}

/// The statuses of the commits on GitHub that `execution` carries. A rollback sets none: it brings back what has its
/// status already.
fn of(execution: &Execution, pipeline: &Pipeline, target_url: &str) -> Vec<CommitStatus> {
    if execution.kind != ExecutionKind::Standard {
        return vec![];
    }
    let (state, description) = standing(execution);
    let sources = pipeline.stages.first().into_iter().flat_map(|stage| &stage.actions);
    sources
        .filter_map(|action| Some((repository(action)?, commit(execution, action)?)))
        .map(|(repository, commit)| CommitStatus {
            repository,
            commit,
            state,
            context: format!("penstock/{}", execution.pipeline),
            description: line(&description, MAX_DESCRIPTION),
            target_url: target_url.to_owned(),
        })
        .collect()
}

/// The repository on GitHub that a source action names; `None` if it is another kind of source.
fn repository(action: &Action) -> Option<String> {
    let kind = &action.action_type_id;
    let on_github = matches!(kind.provider.as_str(), "GitHub" | "CodeStarSourceConnection");
    if kind.category != Category::Source || !on_github {
        return None;
    }
    let value = |key: &str| action.configuration.get(key).filter(|value| !value.is_empty());
    let full_name = value("FullRepositoryId").cloned();
    full_name.or_else(|| Some(format!("{}/{}", value("Owner")?, value("Repo")?)))
}

/// The commit that a source action pinned, or was started with.
fn commit(execution: &Execution, action: &Action) -> Option<String> {
    let pinned = execution.revisions.get(&action.name).map(|revision| revision.id.as_str());
    let asked = execution.overrides.iter().find(|asked| asked.action == action.name);
    let commit = pinned.or(asked.map(|asked| asked.value.as_str()))?;
    let is_one = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_one.then(|| commit.to_owned())
}

fn standing(execution: &Execution) -> (StatusState, String) {
    match execution.status {
        ExecutionStatus::InProgress | ExecutionStatus::Stopping => {
            (StatusState::Pending, format!("In progress, {}", trigger_in_words(&execution.trigger)))
        }
        ExecutionStatus::Succeeded => (StatusState::Success, "Succeeded".to_owned()),
        ExecutionStatus::Failed => (StatusState::Failure, failed(execution)),
        ExecutionStatus::Stopped => {
            let by = execution.stop.as_ref().map(|stop| format!(" by {} {}", stop.by, stop.reason));
            (StatusState::Error, format!("Stopped{}", by.unwrap_or_default()))
        }
        ExecutionStatus::Superseded => (StatusState::Error, "Superseded by a newer execution".to_owned()),
        ExecutionStatus::Cancelled => (StatusState::Error, "Cancelled".to_owned()),
    }
}

fn failed(execution: &Execution) -> String {
    let last = execution.stages.last();
    let failed = last.and_then(|run| {
        let (action, attempt) = run.actions.iter().find(|(_, attempt)| attempt.has_failed())?;
        let why = attempt.error.as_ref().map(|error| error.message.as_str()).unwrap_or_default();
        Some(format!("{}/{action}: {why}", run.name))
    });
    failed.unwrap_or_else(|| "Failed".to_owned())
}
