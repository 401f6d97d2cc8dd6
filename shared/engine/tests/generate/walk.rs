//! Walks a pipeline through moves as the use cases would: each decision sees what a store loads for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use penstock_engine::command::{Command, DefineMode, Report, Request};
use penstock_engine::event::Event;
use penstock_engine::state::{
    Attempt, AttemptError, AttemptStatus, Definitions, ErrorCode, Execution, ExecutionStatus, External,
    PipelineState, State, TriggerCause,
};
use penstock_engine::{Decision, apply, decide, is_open};
use penstock_model::id::{AttemptId, CommandId, DefinitionVersion, ExecutionId, PipelineName, StageName};
use penstock_model::pipeline::{Category, Pipeline};
use penstock_model::time::Timestamp;

use super::{Move, Outcome};

pub(crate) struct Walk {
    pub(crate) definitions: Definitions,
    /// All that ever happened, by replay.
    pub(crate) state: State,
    pub(crate) events: Vec<Event>,
    /// Those that were accepted.
    pub(crate) commands: Vec<Command>,
    taken: usize,
    pub(crate) now: Timestamp,
}

impl Walk {
    pub(crate) fn new() -> Self {
        Self {
            definitions: BTreeMap::new(),
            state: State::default(),
            events: vec![],
            commands: vec![],
            taken: 0,
            now: Timestamp(1_700_000_000_000),
        }
    }

    /// The command that a move stands for, if there is anything for it to pick. Time passes here.
    pub(crate) fn command(&mut self, step: &Move) -> Option<Command> {
        let request = match step {
            Move::Start => self.start(),
            Move::Report(index, outcome) => {
                let open = self.attempts(|attempt| attempt.is_live() || attempt.unsettled().is_some());
                let attempt = pick(rather(open, |id| !self.is_approval(id)), *index)?;
                Request::Report { attempt, report: report(*outcome) }
            }
            Move::Verdict(index, approved) => {
                let waiting = self.attempts(|attempt| attempt.status == AttemptStatus::InProgress);
                let attempt = pick(rather(waiting, |id| self.is_approval(id)), *index)?;
                Request::Decide { attempt, approved: *approved, by: "ann".into(), comment: String::new() }
            }
            Move::Retry(index, actions) => {
                let execution = pick(self.preferring(|it| it.status == ExecutionStatus::Failed), *index)?;
                let stage = execution.stages.last()?.name.clone();
                Request::Retry { execution: execution.id.clone(), stage, actions: *actions }
            }
            Move::RollBack(index, stage) => self.roll_back(*index, *stage)?,
            Move::Stop(index, abandon) => {
                let execution = pick(self.preferring(|it| !it.status.is_terminal()), *index)?.id.clone();
                Request::Stop { execution, abandon: *abandon, reason: String::new(), by: "ann".into() }
            }
            Move::Disable(index) => {
                let stage = pick(self.stages(), *index)?;
                Request::Disable { stage, reason: "freeze".into(), by: "ann".into() }
            }
            Move::Enable(index) => Request::Enable { stage: pick(self.closed_stages(), *index)? },
            Move::Define(sketch) => self.define(&sketch.pipeline()),
            Move::Delete => Request::Delete,
            Move::Wait(minutes, noticed) => {
                self.now = self.now.plus(Duration::from_secs(u64::from(*minutes) * 60));
                return noticed.then(|| self.numbered(Request::WakeUp));
            }
            Move::Again(index) => return pick(self.commands.clone(), *index),
        };
        Some(self.numbered(request))
    }

    pub(crate) fn numbered(&self, request: Request) -> Command {
        let id = CommandId::new(&format!("command-{}", self.taken)).unwrap();
        Command { id, pipeline: name(), request }
    }

    fn start(&self) -> Request {
        Request::Start {
            execution: self.fresh_execution(),
            trigger: TriggerCause {
                kind: "Webhook".into(),
                detail: "main".into(),
                delivery: None,
                reference: None,
            },
            variables: BTreeMap::new(),
            overrides: vec![],
        }
    }

    fn roll_back(&self, index: u8, stage: u8) -> Option<Request> {
        let target = pick(self.preferring(|it| it.stages.len() > 1), index)?;
        let stage = pick(target.stages.iter().map(|run| run.name.clone()).collect(), stage)?;
        let trigger = TriggerCause {
            kind: "ManualRollback".into(),
            detail: "ann".into(),
            delivery: None,
            reference: None,
        };
        Some(Request::Rollback {
            execution: self.fresh_execution(),
            stage,
            target: target.id.clone(),
            trigger,
        })
    }

    fn define(&mut self, pipeline: &Pipeline) -> Request {
        let latest = self.state.pipeline.as_deref();
        let version = DefinitionVersion(latest.map_or(0, |pipeline| pipeline.definition.0) + 1);
        let mode = match latest {
            Some(PipelineState { deleted: false, .. }) => DefineMode::Update,
            Some(_) | None => DefineMode::Create,
        };
        self.definitions.insert(version, Arc::new(pipeline.clone()));
        Request::Define { version, mode }
    }

    fn fresh_execution(&self) -> ExecutionId {
        ExecutionId::derive(&name(), &CommandId::new(&format!("execution-{}", self.taken)).unwrap())
    }

    pub(crate) fn executions(&self) -> Vec<Arc<Execution>> {
        let mut executions: Vec<_> = self.state.executions.values().cloned().collect();
        executions.sort_by_key(|execution| execution.sequence);
        executions
    }

    fn preferring(&self, wanted: impl Fn(&Execution) -> bool) -> Vec<Arc<Execution>> {
        rather(self.executions(), |execution| wanted(execution))
    }

    fn closed_stages(&self) -> Vec<StageName> {
        let stages = self.state.pipeline.iter().flat_map(|pipeline| &pipeline.stages);
        stages.filter(|(_, stage)| stage.disabled.is_some()).map(|(name, _)| name.clone()).collect()
    }

    fn stages(&self) -> Vec<StageName> {
        self.state.pipeline.iter().flat_map(|pipeline| pipeline.stages.keys().cloned()).collect()
    }

    /// The attempts that `wanted` takes, oldest execution first.
    pub(crate) fn attempts(&self, wanted: impl Fn(&Attempt) -> bool) -> Vec<AttemptId> {
        let mut found = vec![];
        for execution in self.executions() {
            for run in &execution.stages {
                for (action, attempt) in run.actions.iter().filter(|(_, attempt)| wanted(attempt)) {
                    found.push(execution.attempt_id(&run.name, action, attempt.number));
                }
            }
        }
        found
    }

    pub(crate) fn is_approval(&self, id: &AttemptId) -> bool {
        let definition = &self.definitions[&self.state.executions[&id.execution].definition];
        let action = definition.stage(&id.stage).and_then(|stage| stage.action(&id.action));
        action.is_some_and(|action| action.action_type_id.category == Category::Approval)
    }

    /// What a store loads for `command`: open executions, those that it names and each stage's last success.
    pub(crate) fn loaded(&self, command: &Command) -> State {
        let named = command.request.named();
        let stages = self.state.pipeline.iter().flat_map(|pipeline| pipeline.stages.values());
        let successes: Vec<&ExecutionId> = stages.filter_map(|stage| stage.last_success.as_ref()).collect();
        let executions = self.state.executions.iter();
        State {
            pipeline: self.state.pipeline.clone(),
            executions: executions
                .filter(|(id, execution)| is_open(execution) || named.contains(id) || successes.contains(id))
                .map(|(id, execution)| (id.clone(), execution.clone()))
                .collect(),
        }
    }

    pub(crate) fn decide(&self, command: &Command) -> Decision {
        decide(&self.definitions, &self.loaded(command), command, self.now)
    }

    /// Keeps what was decided.
    pub(crate) fn commit(&mut self, command: &Command, decision: &Decision) {
        for event in &decision.events {
            apply(&mut self.state, event);
        }
        self.events.extend(decision.events.iter().cloned());
        self.taken += 1;
        if decision.rejection.is_none() {
            self.commands.push(command.clone());
        }
    }
}

fn name() -> PipelineName {
    PipelineName::new("web").unwrap()
}

/// Those that `wanted` takes, or all if it takes none.
fn rather<T: Clone>(all: Vec<T>, wanted: impl Fn(&T) -> bool) -> Vec<T> {
    let some: Vec<T> = all.iter().filter(|it| wanted(it)).cloned().collect();
    if some.is_empty() { all } else { some }
}

fn pick<T>(mut from: Vec<T>, index: u8) -> Option<T> {
    let count = from.len();
    (count > 0).then(|| from.swap_remove(usize::from(index) % count))
}

fn report(outcome: Outcome) -> Report {
    match outcome {
        Outcome::Started => {
            let external = Some(External { id: "build-1".into(), url: None });
            Report::Started { external, started_at: None }
        }
        Outcome::Running => Report::Running,
        Outcome::Succeeded => Report::Succeeded(Box::default()),
        Outcome::Failed => {
            let error = AttemptError::new(ErrorCode::JobFailed, "exit code 1");
            Report::Failed { error, external: None }
        }
        Outcome::Interrupted => Report::Interrupted { message: "the server died".into() },
        Outcome::Cancelled => Report::Cancelled,
    }
}
