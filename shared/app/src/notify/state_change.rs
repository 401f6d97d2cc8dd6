//! From recorded facts to state changes in `CodePipeline`'s shape.
//!
//! | fact | execution | stage | action |
//! |---|---|---|---|
//! | admitted | STARTED | | |
//! | stop requested | STOPPING | STOPPING, of the stage that it is in | |
//! | stage entered | | STARTED | |
//! | stage retried | RESUMED | RESUMED | |
//! | stage ended | | SUCCEEDED, FAILED, STOPPED, CANCELED, and SKIPPED, which `CodePipeline` has none for | |
//! | execution ended | SUCCEEDED, FAILED, STOPPED, SUPERSEDED, CANCELED | | |
//! | attempt scheduled | | | STARTED |
//! | attempt ended | | | SUCCEEDED, FAILED, ABANDONED |
//!
//! An attempt whose worker died is attempted again at once and ends in no state change.
//! Source: `CodePipeline` user guide, "Monitoring `CodePipeline` events".

use penstock_engine::event::{Event, Fact};
use penstock_engine::inputs;
use penstock_engine::state::{Execution, ExecutionStatus, External, INTERRUPTED, StageStatus};
use penstock_model::artifact::Artifact;
use penstock_model::id::{AttemptId, StageName};
use penstock_model::pipeline::Pipeline;
use serde_json::{Map, Value, json};

use super::plain::line;
use crate::port::state_changes::{ChangeOf, StateChange};
use crate::port::store::Record;

/// The longest summary of a result, in characters.
const MAX_SUMMARY: usize = 2000;

/// Whether other systems are told of this.
pub(super) fn is_one(fact: &Fact) -> bool {
    match fact {
        Fact::ExecutionAdmitted { .. }
        | Fact::StopRequested { .. }
        | Fact::StageEntered { .. }
        | Fact::StageRetried { .. }
        | Fact::StageEnded { .. }
        | Fact::ExecutionEnded { .. }
        | Fact::AttemptScheduled { .. }
        | Fact::AttemptSucceeded { .. }
        | Fact::AttemptAbandoned { .. } => true,
        Fact::AttemptFailed { error, .. } => error.code != INTERRUPTED,
        Fact::Defined { .. }
        | Fact::Deleted
        | Fact::TransitionDisabled { .. }
        | Fact::TransitionEnabled { .. }
        | Fact::ArtifactsReleased { .. }
        | Fact::StageAwaited { .. }
        | Fact::AttemptStarted { .. }
        | Fact::AttemptResent { .. }
        | Fact::AttemptChecked { .. }
        | Fact::AttemptCancelling { .. }
        | Fact::CancellationSettled { .. }
        | Fact::VerdictGiven { .. } => false,
    }
}

/// The state changes of a record of `execution`, which pins `pipeline`.
pub(super) fn changes(record: &Record, execution: &Execution, pipeline: &Pipeline) -> Vec<StateChange> {
    let teller = Teller { execution, pipeline };
    record.events.iter().filter(|event| is_one(&event.fact)).flat_map(|event| teller.of(event)).collect()
}

struct Teller<'a> {
    execution: &'a Execution,
    pipeline: &'a Pipeline,
}

impl Teller<'_> {
    fn of(&self, event: &Event) -> Vec<StateChange> {
        match &event.fact {
            Fact::ExecutionAdmitted { .. } => vec![self.whole(event, "STARTED")],
            Fact::StopRequested { stop, .. } => {
                let mut whole = self.whole(event, "STOPPING");
                whole.detail.insert("stop-execution-comments".to_owned(), json!(stop.reason));
                let stage = self.execution.current().map(|run| self.stage(event, &run.name, "STOPPING"));
                std::iter::once(whole).chain(stage).collect()
            }
            Fact::StageEntered { stage, .. } => vec![self.stage(event, stage, "STARTED")],
            Fact::StageRetried { stage, .. } => {
                vec![self.whole(event, "RESUMED"), self.stage(event, stage, "RESUMED")]
            }
            Fact::StageEnded { stage, status, .. } => {
                stage_state(*status).map(|state| self.stage(event, stage, state)).into_iter().collect()
            }
            Fact::ExecutionEnded { status, .. } => {
                execution_state(*status).map(|state| self.whole(event, state)).into_iter().collect()
            }
            Fact::AttemptScheduled { attempt, .. } => self.action(event, attempt, "STARTED", &[]),
            Fact::AttemptSucceeded { attempt, success } => {
                let result = result(success.external.as_ref(), success.summary.as_deref(), None);
                let produced = success.artifacts.iter().map(artifact).collect();
                let members = [("output-artifacts", produced), ("execution-result", result)];
                self.action(event, attempt, "SUCCEEDED", &members)
            }
            Fact::AttemptFailed { attempt, error, external } => {
                let begun = || self.execution.attempt(attempt).and_then(|attempt| attempt.external.as_ref());
                let external = external.as_ref().or_else(begun);
                let result = result(external, Some(&error.message), Some(&error.code));
                self.action(event, attempt, "FAILED", &[("execution-result", result)])
            }
            Fact::AttemptAbandoned { attempt } => self.action(event, attempt, "ABANDONED", &[]),
            Fact::Defined { .. }
            | Fact::Deleted
            | Fact::TransitionDisabled { .. }
            | Fact::TransitionEnabled { .. }
            | Fact::ArtifactsReleased { .. }
            | Fact::StageAwaited { .. }
            | Fact::AttemptStarted { .. }
            | Fact::AttemptResent { .. }
            | Fact::AttemptChecked { .. }
            | Fact::AttemptCancelling { .. }
            | Fact::CancellationSettled { .. }
            | Fact::VerdictGiven { .. } => vec![],
        }
    }

    fn whole(&self, event: &Event, state: &str) -> StateChange {
        let mut change = self.change(event, ChangeOf::Execution, state);
        let trigger = &self.execution.trigger;
        let detail = line(&trigger.detail, MAX_SUMMARY);
        change.detail.insert(
            "execution-trigger".to_owned(),
            json!({"trigger-type": trigger.kind, "trigger-detail": detail}),
        );
        change
    }

    fn stage(&self, event: &Event, stage: &StageName, state: &str) -> StateChange {
        let mut change = self.change(event, ChangeOf::Stage, state);
        change.detail.insert("stage".to_owned(), json!(stage));
        if matches!(event.fact, Fact::StageRetried { .. }) {
            change.detail.insert("stage-last-retry-attempt-time".to_owned(), json!(event.at.to_string()));
        }
        change
    }

    fn action(
        &self,
        event: &Event,
        attempt: &AttemptId,
        state: &str,
        members: &[(&str, Value)],
    ) -> Vec<StateChange> {
        let action = self.pipeline.stage(&attempt.stage).and_then(|stage| stage.action(&attempt.action));
        let Some(action) = action else {
            return vec![];
        };
        let kind = &action.action_type_id;
        let mut change = self.change(event, ChangeOf::Action, state);
        let mut set = |key: &str, value: Value| drop(change.detail.insert(key.to_owned(), value));
        set("stage", json!(attempt.stage));
        set("action", json!(attempt.action));
        set("action-execution-id", json!(attempt.token()));
        set(
            "type",
            json!({"owner": kind.owner, "category": kind.category, "provider": kind.provider, "version": kind.version}),
        );
        if let Some(region) = &action.region {
            set("region", json!(region));
        }
        set("input-artifacts", self.inputs(attempt));
        for (key, value) in members {
            set(key, value.clone());
        }
        vec![change]
    }

    fn inputs(&self, attempt: &AttemptId) -> Value {
        let inputs = inputs(self.pipeline, self.execution, &attempt.stage, &attempt.action);
        inputs.artifacts.iter().map(artifact).collect()
    }

    fn change(&self, event: &Event, of: ChangeOf, state: &str) -> StateChange {
        let execution = self.execution;
        let retries: u32 = execution.stages.iter().map(|run| run.retries).sum();
        let detail: [(&str, Value); 6] = [
            ("pipeline", json!(execution.pipeline)),
            ("execution-id", json!(execution.id)),
            ("start-time", json!(execution.started_at.to_string())),
            ("state", json!(state)),
            ("version", json!(execution.definition.0)),
            ("pipeline-execution-attempt", json!(1 + retries)),
        ];
        let detail: Map<_, _> = detail.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        StateChange { of, pipeline: execution.pipeline.clone(), at: event.at, detail }
    }
}

fn artifact(artifact: &Artifact) -> Value {
    json!({"name": artifact.name, "s3location": {"bucket": artifact.bucket, "key": artifact.key}})
}

fn result(external: Option<&External>, summary: Option<&str>, code: Option<&str>) -> Value {
    let members = [
        ("external-execution-id", external.map(|external| external.id.clone())),
        ("external-execution-url", external.and_then(|external| external.url.clone())),
        ("external-execution-summary", summary.map(|text| line(text, MAX_SUMMARY))),
        ("error-code", code.map(str::to_owned)),
    ];
    members.into_iter().filter_map(|(key, value)| Some((key, value?))).collect::<Value>()
}

fn stage_state(status: StageStatus) -> Option<&'static str> {
    match status {
        StageStatus::InProgress | StageStatus::Stopping => None,
        StageStatus::Stopped => Some("STOPPED"),
        StageStatus::Succeeded => Some("SUCCEEDED"),
        StageStatus::Failed => Some("FAILED"),
        StageStatus::Cancelled => Some("CANCELED"),
        StageStatus::Skipped => Some("SKIPPED"),
    }
}

fn execution_state(status: ExecutionStatus) -> Option<&'static str> {
    match status {
        ExecutionStatus::InProgress | ExecutionStatus::Stopping => None,
        ExecutionStatus::Stopped => Some("STOPPED"),
        ExecutionStatus::Succeeded => Some("SUCCEEDED"),
        ExecutionStatus::Failed => Some("FAILED"),
        ExecutionStatus::Superseded => Some("SUPERSEDED"),
        ExecutionStatus::Cancelled => Some("CANCELED"),
    }
}
