//! What became of a commit in a pipeline, decided from the execution as it stands right before the status is set: a record
//! that is told late never sets a status back. Others tell records at the same time, and what was read before theirs may
//! be set after it; so each status is looked at again once it is set.

use std::sync::Arc;

use penstock_engine::event::Fact;
use penstock_engine::state::{Attempt, Execution, ExecutionKind, ExecutionStatus};
use penstock_model::pipeline::{Action, Pipeline};
use penstock_model::variable::{self, PIPELINE_NAMESPACE, Reference};

use super::plain::line;
use super::{Notify, Story};
use crate::error::AppError;
use crate::port::PortError;
use crate::port::statuses::{CommitStatus, Shown, StatusState, Statuses};
use crate::port::store::Record;
use crate::view::trigger_in_words;

/// The longest description that GitHub takes, in characters.
const MAX_DESCRIPTION: usize = 140;
/// The longest link, in characters.
const MAX_LINK: usize = 1000;
/// How often a status that was set is looked at again and set anew.
const LOOKS: u32 = 3;
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
    /// Sets the status of each commit that the execution carries. What GitHub never shows is given up.
    pub(super) async fn set_statuses(
        &self,
        statuses: &dyn Statuses,
        record: &Record,
        story: &Story,
        given_up: &mut Vec<String>,
    ) -> Result<(), AppError> {
        let mut failures = vec![];
        for place in places(&story.execution, &story.pipeline) {
            match self.set_status(statuses, record, story, &place).await {
                Ok(Shown::Yes) => {}
                Ok(Shown::Never { why }) => given_up.push(why),
                Err(error) => failures.push(error),
            }
        }
        super::all_of(failures.into_iter().map(super::into_port_error))
    }

    /// Sets the status of the commit at `place`, and again while it should be another by then.
    async fn set_status(
        &self,
        statuses: &dyn Statuses,
        record: &Record,
        story: &Story,
        place: &Place,
    ) -> Result<Shown, AppError> {
        let mut shown: Option<CommitStatus> = None;
        for _ in 0..=LOOKS {
            let counting = self.counting(&story.execution, &place.commit).await?;
            let due = self.status(&counting, place);
            match &shown {
                // The records of a newer execution show what becomes of it.
                None if counting.id != story.execution.id || repeats(record, &counting, &due) => {
                    return Ok(Shown::Yes);
                }
                Some(shown) if shown.says_the_same_as(&due) => return Ok(Shown::Yes),
                None | Some(_) => match statuses.set(&due).await? {
                    Shown::Yes => {}
                    never @ Shown::Never { .. } => return Ok(never),
                },
            }
            shown = Some(due);
        }
        let what = format!("set the status of {} at {}", place.repository, place.commit);
        Err(PortError::transient(format!("{what}: it changed each time that it was set")).into())
    }

    /// The execution that counts for `commit`, as it stands now: the newest that carries it, whatever becomes of
    /// `execution`.
    async fn counting(&self, execution: &Arc<Execution>, commit: &str) -> Result<Arc<Execution>, AppError> {
        let newest = self.store.executions(&execution.pipeline, None, 1).await?.pop();
        if let Some(found) = newest.as_ref().filter(|found| found.id == execution.id) {
            return Ok(Arc::clone(found));
        }
        let newer = |found: &Arc<Execution>| found.sequence > execution.sequence;
        if newest.as_ref().is_some_and(newer) {
            let newest = self.store.executions(&execution.pipeline, None, LOOK_BACK).await?;
            let carrying = |it: &Arc<Execution>| it.kind == ExecutionKind::Standard && carries(it, commit);
            if let Some(found) = newest.into_iter().filter(newer).find(carrying) {
                return Ok(found);
            }
        }
        let found = self.store.execution(&execution.pipeline, &execution.id).await?;
        Ok(found.unwrap_or_else(|| Arc::clone(execution)))
    }

    fn status(&self, execution: &Execution, place: &Place) -> CommitStatus {
        let (state, description) = standing(execution);
        let commit = || execution.revisions.values().find(|revision| revision.id == place.commit);
        let page = page(execution).or_else(|| commit()?.url.as_deref());
        let link = self.reach.link(&execution.pipeline, page);
        CommitStatus {
            repository: place.repository.clone(),
            commit: place.commit.clone(),
            state,
            context: format!("penstock/{}", execution.pipeline),
            description: line(&description, MAX_DESCRIPTION),
            target_url: link.map(|link| line(&link, MAX_LINK)),
        }
    }
}

/// Where a status is shown.
struct Place {
    /// `owner/name`.
    repository: String,
    commit: String,
}

/// The page of the attempt that failed, else of the one that began last. A source's page is a commit's, of several
/// sources not always this one's.
fn page(execution: &Execution) -> Option<&str> {
    let url = |attempt: &'_ Attempt| attempt.external.as_ref().is_some_and(|it| it.url.is_some());
    let stages = execution.stages.iter().enumerate();
    let attempts = stages.flat_map(|(place, run)| run.actions.values().map(move |attempt| (place, attempt)));
    let told = attempts
        .filter(|(place, attempt)| url(attempt) && (*place > 0 || attempt.has_failed()))
        .map(|(_, attempt)| attempt)
        .max_by_key(|attempt| (attempt.has_failed(), attempt.started_at, attempt.scheduled_at))?;
    told.external.as_ref()?.url.as_deref()
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

/// The commits on GitHub that `execution` carries. A rollback shows none: it brings back what has its status already.
fn places(execution: &Execution, pipeline: &Pipeline) -> Vec<Place> {
    if execution.kind != ExecutionKind::Standard {
        return vec![];
    }
    let place = |action| {
        Some(Place { repository: repository(execution, action)?, commit: commit(execution, action)? })
    };
    pipeline.first_stage_actions().filter_map(place).collect()
}

/// The repository on GitHub that a source action names; `None` if it is another kind of source.
pub(super) fn repository(execution: &Execution, action: &Action) -> Option<String> {
    if !action.action_type_id.is_github_source() {
        return None;
    }
    let value = |key: &str| configured(execution, action, key);
    let full_name = value("FullRepositoryId");
    full_name.or_else(|| Some(format!("{}/{}", value("Owner")?, value("Repo")?)))
}

/// What a source action is configured with; nothing runs before it whose output it could refer to, besides the pipeline's own
/// variables.
pub(super) fn configured(execution: &Execution, action: &Action, key: &str) -> Option<String> {
    let of_pipeline = |reference: Reference<'_>| {
        let known = execution.variables.get(reference.key);
        known.filter(|_| reference.namespace == PIPELINE_NAMESPACE).cloned()
    };
    let text = action.configuration.get(key).filter(|text| !text.is_empty())?;
    variable::resolve(text, of_pipeline).ok()
}

/// The commit that a source action pinned, or was started with.
pub(super) fn commit(execution: &Execution, action: &Action) -> Option<String> {
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
            let by = execution.stop.as_ref().map(|stop| format!(" {}", stop.in_words()));
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
