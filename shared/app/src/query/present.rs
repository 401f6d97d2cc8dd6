//! Builds what people see of an execution from the state.

use penstock_engine::state::{Attempt, Execution, ExecutionKind, ExecutionStatus, Position, StageRun, State};
use penstock_model::id::{ExecutionId, StageName};
use penstock_model::pipeline::{Action, Category, Stage};

use crate::approvals::{Approvals, waiting_behind};
use crate::port::logs::Logs;
use crate::port::store::Snapshot;
use crate::view::{
    ActionStanding, ActionView, ExecutionView, StageStanding, StageView, first_revision, trigger_in_words,
};

struct Presenter<'a> {
    state: &'a State,
    execution: &'a Execution,
    approvals: &'a Approvals,
    logs: &'a dyn Logs,
}

/// The execution `id` as a person sees it; `None` if the snapshot does not hold it.
pub(super) fn view(
    snapshot: &Snapshot,
    id: &ExecutionId,
    approvals: &Approvals,
    logs: &dyn Logs,
) -> Option<ExecutionView> {
    let execution = snapshot.state.executions.get(id)?;
    let pipeline = snapshot.definitions.get(&execution.definition)?;
    let presenter = Presenter { state: &snapshot.state, execution, approvals, logs };
    let revision = first_revision(execution, pipeline);
    Some(ExecutionView {
        pipeline: execution.pipeline.clone(),
        execution_id: id.clone(),
        status: execution.status,
        commit: revision.map(|revision| revision.id.clone()),
        commit_summary: revision.and_then(|it| it.summary.as_deref()?.lines().next().map(str::to_owned)),
        commit_author: revision.and_then(|it| it.author.clone()),
        trigger: trigger_in_words(&execution.trigger),
        started_at: execution.started_at,
        ended_at: execution.ended_at,
        status_summary: summary(execution),
        rollback_of: match &execution.kind {
            ExecutionKind::Standard => None,
            ExecutionKind::Rollback { target, .. } => Some(target.clone()),
        },
        stages: pipeline.stages.iter().map(|stage| presenter.stage(stage)).collect(),
    })
}

fn summary(execution: &Execution) -> Option<String> {
    match execution.status {
        ExecutionStatus::Superseded => {
            execution.superseded_by.as_ref().map(|by| format!("superseded by {by}"))
        }
        ExecutionStatus::Stopping | ExecutionStatus::Stopped => {
            execution.stop.as_ref().map(|stop| format!("stopped {}", stop.in_words()))
        }
        ExecutionStatus::InProgress
        | ExecutionStatus::Succeeded
        | ExecutionStatus::Failed
        | ExecutionStatus::Cancelled => None,
    }
}

impl Presenter<'_> {
    fn stage(&self, stage: &Stage) -> StageView {
        let run = self.execution.stage(&stage.name);
        let waits =
            matches!(&self.execution.position, Position::Waiting { stage: at, .. } if *at == stage.name);
        let inside = matches!(&self.execution.position, Position::In { stage: at } if *at == stage.name);
        let mut actions: Vec<&Action> = stage.actions.iter().collect();
        actions.sort_by_key(|action| action.run_order);
        StageView {
            name: stage.name.clone(),
            status: match run {
                Some(run) => run.status.into(),
                None if waits => StageStanding::Waiting,
                None => StageStanding::NotStarted,
            },
            note: self.note(&stage.name, waits),
            waiting_behind: if inside { waiting_behind(self.state, &stage.name) } else { 0 },
            actions: actions.into_iter().map(|action| self.action(run, action)).collect(),
        }
    }

    fn note(&self, stage: &StageName, waits: bool) -> Option<String> {
        let closed = self.state.pipeline.as_ref().and_then(|it| it.stages.get(stage)?.disabled.as_ref());
        if let Some(closed) = closed {
            return Some(format!("inbound transition disabled by {}: {}", closed.by, closed.reason));
        }
        if !waits {
            return None;
        }
        let occupant = self.state.executions.values().find(|other| {
            other.id != self.execution.id
                && matches!(&other.position, Position::In { stage: at } if at == stage)
        });
        Some(match occupant {
            Some(occupant) => format!("waits for execution {} to leave the stage", occupant.id),
            None => "waits for its turn".to_owned(),
        })
    }

    fn action(&self, run: Option<&StageRun>, action: &Action) -> ActionView {
        let attempt = run.and_then(|run| run.actions.get(&action.name));
        ActionView {
            name: action.name.clone(),
            category: action.action_type_id.category,
            provider: action.action_type_id.provider.clone(),
            status: attempt.map_or(ActionStanding::NotStarted, |attempt| attempt.status.into()),
            attempt: attempt.map_or(0, |attempt| attempt.number),
            summary: attempt.and_then(in_a_line),
            error_code: attempt.and_then(|attempt| attempt.error.as_ref()).map(|error| error.code.clone()),
            link: run.zip(attempt).map(|(run, attempt)| self.link(run, action, attempt)),
            started_at: attempt.map(|attempt| attempt.started_at.unwrap_or(attempt.scheduled_at)),
            ended_at: attempt.and_then(|attempt| attempt.ended_at),
        }
    }

    fn link(&self, run: &StageRun, action: &Action, attempt: &Attempt) -> String {
        let id = self.execution.attempt_id(&run.name, &action.name, attempt.number);
        if action.action_type_id.category == Category::Approval {
            return self.approvals.link(&id);
        }
        let page = attempt.external.as_ref().and_then(|external| external.url.clone());
        page.unwrap_or_else(|| self.logs.location(&id))
    }
}

fn in_a_line(attempt: &Attempt) -> Option<String> {
    if let Some(verdict) = &attempt.verdict {
        return Some(verdict.in_words());
    }
    attempt.error.as_ref().map(|error| error.message.clone()).or_else(|| attempt.summary.clone())
}
