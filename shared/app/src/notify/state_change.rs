//! From recorded facts to state changes in `CodePipeline`'s shape.
//!
//! | fact | execution | stage | action |
//! |---|---|---|---|
//! | admitted | STARTED | | |
//! | stop requested | STOPPING | STOPPING, of the stage that it was in | |
//! | stage entered | | STARTED | |
//! | stage retried | RESUMED | RESUMED | |
//! | stage ended | | SUCCEEDED, FAILED, STOPPED, CANCELED, and SKIPPED, which `CodePipeline` has none for | |
//! | execution ended | SUCCEEDED, FAILED, STOPPED, SUPERSEDED, CANCELED | | |
//! | attempt scheduled | | | STARTED |
//! | attempt ended | | | SUCCEEDED, FAILED, ABANDONED |
//! | attempt interrupted | | | CANCELED: it is no failure of the action, which is attempted again unless it is being stopped |
//!
//! Source: `CodePipeline` user guide, "Monitoring `CodePipeline` events".

use penstock_engine::event::{Event, Fact};
use penstock_engine::inputs;
use penstock_engine::state::{ErrorCode, Execution, ExecutionStatus, External, StageStatus};
use penstock_model::artifact::Artifact;
use penstock_model::id::{AttemptId, StageName};
use penstock_model::pipeline::{Action, Pipeline};
use penstock_model::trigger::Reference;
use serde_json::{Map, Value, json};

use super::commit_status::{commit, configured, repository};
use super::plain::line;
use crate::port::state_changes::{ChangeOf, StateChange};
use crate::port::store::Record;

/// The longest summary of a result, in characters.
const MAX_SUMMARY: usize = 2000;

/// Whether other systems are told of this.
pub(super) fn is_one(fact: &Fact) -> bool {
    !told(fact).is_empty()
}

/// What has another state, and which.
enum Told<'a> {
    Execution(&'static str),
    Stage(&'a StageName, &'static str),
    Action(&'a AttemptId, &'static str),
}

/// The table above.
fn told(fact: &Fact) -> Vec<Told<'_>> {
    match fact {
        Fact::ExecutionAdmitted { .. } => vec![Told::Execution("STARTED")],
        Fact::StopRequested { stage, .. } => {
            let stage = stage.iter().map(|stage| Told::Stage(stage, "STOPPING"));
            std::iter::once(Told::Execution("STOPPING")).chain(stage).collect()
        }
        Fact::StageEntered { stage, .. } => vec![Told::Stage(stage, "STARTED")],
        Fact::StageRetried { stage, .. } => vec![Told::Execution("RESUMED"), Told::Stage(stage, "RESUMED")],
        Fact::StageEnded { stage, status, .. } => {
            stage_state(*status).map(|state| Told::Stage(stage, state)).into_iter().collect()
        }
        Fact::ExecutionEnded { status, .. } => {
            execution_state(*status).map(Told::Execution).into_iter().collect()
        }
        Fact::AttemptScheduled { attempt, .. } => vec![Told::Action(attempt, "STARTED")],
        Fact::AttemptSucceeded { attempt, .. } => vec![Told::Action(attempt, "SUCCEEDED")],
        Fact::AttemptFailed { attempt, error, .. } if error.code == ErrorCode::Interrupted => {
            vec![Told::Action(attempt, "CANCELED")]
        }
        Fact::AttemptFailed { attempt, .. } => vec![Told::Action(attempt, "FAILED")],
        Fact::AttemptAbandoned { attempt } => vec![Told::Action(attempt, "ABANDONED")],
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

/// The state changes of a record of `execution`, which pins `pipeline`.
pub(super) fn changes(record: &Record, execution: &Execution, pipeline: &Pipeline) -> Vec<StateChange> {
    let teller = Teller { execution, pipeline };
    record.events.iter().flat_map(|event| teller.of(event)).collect()
}

struct Teller<'a> {
    execution: &'a Execution,
    pipeline: &'a Pipeline,
}

impl Teller<'_> {
    fn of(&self, event: &Event) -> Vec<StateChange> {
        let change = |told| match told {
            Told::Execution(state) => Some(self.whole(event, state)),
            Told::Stage(stage, state) => Some(self.stage(event, stage, state)),
            Told::Action(attempt, state) => self.action(event, attempt, state),
        };
        told(&event.fact).into_iter().filter_map(change).collect()
    }

    fn whole(&self, event: &Event, state: &str) -> StateChange {
        let mut change = self.change(event, ChangeOf::Execution, state);
        change.detail.insert("execution-trigger".to_owned(), self.trigger());
        if let Fact::StopRequested { stop, .. } = &event.fact {
            change.detail.insert("stop-execution-comments".to_owned(), json!(stop.reason));
        }
        change
    }

    /// What started the execution, and the commit that its source on GitHub carries, as far as it is known yet.
    fn trigger(&self) -> Value {
        let (execution, trigger) = (self.execution, &self.execution.trigger);
        let mut members = json!({
            "trigger-type": trigger.kind, "trigger-detail": line(&trigger.detail, MAX_SUMMARY),
        });
        let sources = self.pipeline.first_stage_actions();
        let on_git_hub = sources.filter_map(|action| Some((action, repository(execution, action)?)));
        // Of several, the one that set it off.
        let Some((action, repository)) = on_git_hub.min_by_key(|(action, _)| !self.is_pinned(action)) else {
            return members;
        };
        let revision = execution.revisions.get(&action.name);
        let (branch, tag) = self.reference(action);
        let text = |text: &str| line(text, MAX_SUMMARY);
        for (key, value) in [
            // Nothing else is fetched from, by a connection neither.
            ("provider-type", Some("GitHub".to_owned())),
            ("connection-arn", configured(execution, action, "ConnectionArn")),
            ("full-repository-name", Some(repository)),
            ("branch-name", branch.as_deref().map(text)),
            ("tag-name", tag.as_deref().map(text)),
            ("commit-id", commit(execution, action)),
            ("commit-message", revision.and_then(|it| it.summary.as_deref()).map(text)),
            // The author's e-mail address and id are not kept.
            ("author-display-name", revision.and_then(|it| it.author.as_deref()).map(text)),
        ] {
            if let Some(value) = value {
                members[key] = json!(value);
            }
        }
        members
    }

    /// The branch and the tag of the commit: those that set the execution off, else those that `action` follows. Of a pipeline
    /// with triggers of its own, others may be meant.
    fn reference(&self, action: &Action) -> (Option<String>, Option<String>) {
        let set_off = self.execution.trigger.reference.as_deref().filter(|_| self.is_pinned(action));
        match set_off {
            Some(Reference::Branch(branch)) => return (Some(branch.clone()), None),
            Some(Reference::Tag(tag)) => return (None, Some(tag.clone())),
            None if !self.pipeline.triggers.is_empty() => return (None, None),
            None => {}
        }
        let configured = |key: &str| configured(self.execution, action, key);
        match (configured("Commit"), configured("Tag")) {
            (None, Some(tag)) => (None, Some(tag)),
            (_, _) => (configured("BranchName").or_else(|| configured("Branch")), None),
        }
    }

    /// Whether the start of the execution says which revision `action` fetches, as a push does of the sources that it is
    /// about.
    fn is_pinned(&self, action: &Action) -> bool {
        self.execution.overrides.iter().any(|asked| asked.action == action.name)
    }

    fn stage(&self, event: &Event, stage: &StageName, state: &str) -> StateChange {
        let mut change = self.change(event, ChangeOf::Stage, state);
        change.detail.insert("stage".to_owned(), json!(stage));
        if matches!(event.fact, Fact::StageRetried { .. }) {
            change.detail.insert("stage-last-retry-attempt-time".to_owned(), json!(event.at.to_string()));
        }
        change
    }

    fn action(&self, event: &Event, attempt: &AttemptId, state: &str) -> Option<StateChange> {
        let action = self.pipeline.stage(&attempt.stage)?.action(&attempt.action)?;
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
        if let Fact::AttemptSucceeded { success, .. } = &event.fact {
            set("output-artifacts", success.artifacts.iter().map(artifact).collect());
            set("execution-result", result(success.external.as_ref(), success.summary.as_deref(), None));
        }
        if let Fact::AttemptFailed { error, external, .. } = &event.fact {
            let begun = || self.execution.attempt(attempt).and_then(|attempt| attempt.external.as_ref());
            let external = external.as_ref().or_else(begun);
            set("execution-result", result(external, Some(&error.message), Some(error.code.as_str())));
        }
        Some(change)
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

#[cfg(test)]
mod tests {
    use penstock_model::id::ExecutionId;

    use super::*;

    /// The states to which no rule of the engine leads yet, and which items of another release may hold.
    #[test]
    fn each_terminal_status_has_the_state_of_its_name() {
        let execution = || ExecutionId::new("2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607").unwrap();
        let state = |fact: Fact| match &told(&fact)[..] {
            [Told::Execution(state)] => format!("execution {state}"),
            [Told::Stage(stage, state)] => format!("stage {stage} {state}"),
            told => panic!("{} state changes", told.len()),
        };
        for (status, expected) in [
            (StageStatus::Stopped, "STOPPED"),
            (StageStatus::Succeeded, "SUCCEEDED"),
            (StageStatus::Failed, "FAILED"),
            (StageStatus::Cancelled, "CANCELED"),
            (StageStatus::Skipped, "SKIPPED"),
        ] {
            let stage = StageName::new("Build").unwrap();
            let told = state(Fact::StageEnded { execution: execution(), stage, status });
            assert_eq!(told, format!("stage Build {expected}"));
        }
        for (status, expected) in [
            (ExecutionStatus::Stopped, "STOPPED"),
            (ExecutionStatus::Succeeded, "SUCCEEDED"),
            (ExecutionStatus::Failed, "FAILED"),
            (ExecutionStatus::Superseded, "SUPERSEDED"),
            (ExecutionStatus::Cancelled, "CANCELED"),
        ] {
            let ended = Fact::ExecutionEnded { execution: execution(), status, superseded_by: None };
            assert_eq!(state(ended), format!("execution {expected}"));
        }
    }
}
