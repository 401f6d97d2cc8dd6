//! A pipeline's life as a story: what was asked, and beneath it what happened, one event a line.

mod stored;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use penstock_engine::command::{Command, DefineMode, Report, Request, RetryActions};
use penstock_engine::event::Event;
use penstock_engine::state::{
    Attempt, AttemptError, Definitions, ErrorCode, External, Position, State, TriggerCause,
};
use penstock_engine::{apply, decide, pending, to_send};
use penstock_model::id::{AttemptId, CommandId, DefinitionVersion, ExecutionId, PipelineName};
use penstock_model::pipeline::{ExecutionMode, Pipeline};
use penstock_model::time::Timestamp;
use serde_json::{Value as Json, json};

/// Executions are called A to Z.
pub(crate) fn execution(letter: char) -> ExecutionId {
    ExecutionId::new(&format!("00000000-0000-4000-8000-0000000000{:02x}", u32::from(letter))).unwrap()
}

pub(crate) struct Story {
    pub(crate) state: State,
    pub(crate) definitions: Definitions,
    pub(crate) now: Timestamp,
    replayed: State,
    events: Vec<Event>,
    commands: Vec<Command>,
    lines: Vec<String>,
}

/// A pipeline from one line: `Source: Fetch | Build: Unit, Lint; Package | Prod: ?Ask; Ship=CodeDeploy`.
///
/// `;` separates run orders, `?` marks an approval, `=` names the provider; `CodeBuild` is meant otherwise.
pub(crate) fn pipeline(mode: ExecutionMode, line: &str) -> Pipeline {
    let stages: Vec<Json> =
        line.split('|').enumerate().map(|(index, text)| stage(index == 0, text)).collect();
    serde_json::from_value(json!({ "name": "web", "executionMode": mode, "stages": stages })).unwrap()
}

fn stage(first: bool, text: &str) -> Json {
    let (name, groups) = text.split_once(':').unwrap();
    let groups = groups.split(';').enumerate();
    let actions: Vec<Json> = groups
        .flat_map(|(order, group)| group.split(',').map(move |text| action(first, order + 1, text.trim())))
        .collect();
    json!({ "name": name.trim(), "actions": actions })
}

fn action(first: bool, order: usize, text: &str) -> Json {
    let (name, provider) = text.split_once('=').unwrap_or((text, "CodeBuild"));
    let (name, category, provider) = match name.strip_prefix('?') {
        Some(name) => (name, "Approval", "Manual"),
        None if first => (name, "Source", "S3"),
        None if provider == "CodeBuild" => (name, "Build", provider),
        None => (name, "Deploy", provider),
    };
    json!({
        "name": name,
        "runOrder": order,
        "actionTypeId": { "category": category, "owner": "AWS", "provider": provider, "version": "1" },
    })
}

fn command(id: &str, request: Request) -> Command {
    Command { id: CommandId::new(id).unwrap(), pipeline: PipelineName::new("web").unwrap(), request }
}

impl Story {
    pub(crate) fn new(mode: ExecutionMode, line: &str) -> Self {
        let mut story = Self {
            state: State::default(),
            definitions: BTreeMap::new(),
            now: Timestamp(1_700_000_000_000),
            replayed: State::default(),
            lines: vec![],
            events: vec![],
            commands: vec![],
        };
        story.define(1, mode, line, DefineMode::Create);
        story
    }

    pub(crate) fn define(&mut self, version: u32, mode: ExecutionMode, line: &str, how: DefineMode) {
        let version = DefinitionVersion(version);
        self.definitions.insert(version, Arc::new(pipeline(mode, line)));
        self.ask(
            &format!("{how:?} version {version} {mode:?}: {line}"),
            Request::Define { version, mode: how },
        );
    }

    /// Asks for `request` and tells what happened.
    pub(crate) fn ask(&mut self, title: &str, request: Request) {
        self.lines.push(format!("> {title}"));
        let command = command(&format!("command-{}", self.commands.len() + 1), request);
        let decision = decide(&self.definitions, &self.state, &command, self.now);
        for event in &decision.events {
            apply(&mut self.replayed, event);
            self.lines.push(format!("  {}", words::event(event, self.now)));
        }
        if let Some(rejection) = &decision.rejection {
            self.lines.push(format!("  refused: {}", words::with_letters(&rejection.to_string())));
        }
        assert_eq!(decision.state, self.replayed, "replaying the events gives another state");
        self.state = decision.state;
        self.events.extend(decision.events);
        self.commands.push(command);
    }

    /// Lets time pass, and wakes the engine up.
    pub(crate) fn wait(&mut self, minutes: u64) {
        self.now = self.now.plus(Duration::from_secs(minutes * 60));
        let title = format!("{} later", words::duration(Duration::from_secs(minutes * 60)));
        self.ask(&title, Request::WakeUp);
    }

    pub(crate) fn wait_unnoticed(&mut self, minutes: u64) {
        self.now = self.now.plus(Duration::from_secs(minutes * 60));
        self.lines.push(format!("({} pass)", words::duration(Duration::from_secs(minutes * 60))));
    }

    /// Wakes the engine up after `minutes` and tells what is sent then.
    pub(crate) fn wait_and_send(&mut self, minutes: u64) {
        let before = self.state.clone();
        self.now = self.now.plus(Duration::from_secs(minutes * 60));
        let decision = decide(&self.definitions, &before, &command("wake-up", Request::WakeUp), self.now);
        self.ask(&format!("{} later", words::duration(Duration::from_secs(minutes * 60))), Request::WakeUp);
        let debts = to_send(&before, &decision, self.now);
        self.lines.extend(debts.iter().map(|debt| format!("  -> {}", words::debt(debt))));
    }

    pub(crate) fn tell_owed(&mut self) {
        let owed: Vec<String> = pending(&self.state, self.now).iter().map(words::debt).collect();
        self.lines
            .push(format!("(owed: {})", if owed.is_empty() { "nothing".into() } else { owed.join(", ") }));
    }

    pub(crate) fn start(&mut self, letter: char) {
        let trigger =
            TriggerCause { kind: "Webhook".into(), detail: "main".into(), delivery: None, reference: None };
        let request = Request::Start {
            execution: execution(letter),
            trigger,
            variables: BTreeMap::new(),
            overrides: vec![],
        };
        self.ask(&format!("start {letter}"), request);
    }

    /// The latest attempt of `A Stage/Action`.
    pub(crate) fn attempt(&self, text: &str) -> AttemptId {
        let (letter, path) = text.split_once(' ').unwrap();
        let (stage, action) = path.split_once('/').unwrap();
        let execution = execution(letter.parse().unwrap());
        let (stage, action) = (stage.parse().unwrap(), action.parse().unwrap());
        let run = self.state.executions[&execution].stage(&stage);
        let number =
            run.and_then(|run| run.actions.get(&action)).map_or(1, |attempt: &Attempt| attempt.number);
        AttemptId { execution, stage, action, number }
    }

    pub(crate) fn report(&mut self, path: &str, what: &str, report: Report) {
        let attempt = self.attempt(path);
        let title = format!("{path} {} {what}", attempt.number);
        self.ask(&title, Request::Report { attempt, report });
    }

    pub(crate) fn started(&mut self, path: &str) {
        let external =
            Some(External { id: format!("build-of-{}", path.replace([' ', '/'], "-")), url: None });
        self.report(path, "reports its start", Report::Started { external, started_at: None });
    }

    pub(crate) fn succeed(&mut self, path: &str) {
        self.report(path, "reports success", Report::Succeeded(Box::default()));
    }

    pub(crate) fn fail(&mut self, path: &str) {
        let error = AttemptError::new(ErrorCode::JobFailed, "exit code 1");
        self.report(path, "reports failure", Report::Failed { error, external: None });
    }

    pub(crate) fn interrupt(&mut self, path: &str) {
        self.report(
            path,
            "reports an interruption",
            Report::Interrupted { message: "the server died".into() },
        );
    }

    pub(crate) fn verdict(&mut self, path: &str, approved: bool) {
        let attempt = self.attempt(path);
        let title = format!("{path} {}", if approved { "approve" } else { "reject" });
        let (by, comment) = ("ann".into(), "looked at it".into());
        self.ask(&title, Request::Decide { attempt, approved, by, comment });
    }

    pub(crate) fn stop(&mut self, letter: char, abandon: bool) {
        let title = format!("stop {letter}{}", if abandon { ", abandoning" } else { " and wait" });
        let (reason, by) = ("wrong branch".into(), "ann".into());
        self.ask(&title, Request::Stop { execution: execution(letter), abandon, reason, by });
    }

    pub(crate) fn retry(&mut self, letter: char, stage: &str, actions: RetryActions) {
        let (execution, stage) = (execution(letter), stage.parse().unwrap());
        let title = format!("retry {letter} {stage}, {actions:?}");
        self.ask(&title, Request::Retry { execution, stage, actions });
    }

    pub(crate) fn roll_back(&mut self, letter: char, stage: &str, target: char) {
        let trigger = TriggerCause {
            kind: "ManualRollback".into(),
            detail: "ann".into(),
            delivery: None,
            reference: None,
        };
        let request = Request::Rollback {
            execution: execution(letter),
            stage: stage.parse().unwrap(),
            target: execution(target),
            trigger,
        };
        self.ask(&format!("roll {stage} back to {target}, as {letter}"), request);
    }

    pub(crate) fn disable(&mut self, stage: &str) {
        let request = Request::Disable {
            stage: stage.parse().unwrap(),
            reason: "release freeze".into(),
            by: "ann".into(),
        };
        self.ask(&format!("disable {stage}"), request);
    }

    pub(crate) fn enable(&mut self, stage: &str) {
        self.ask(&format!("enable {stage}"), Request::Enable { stage: stage.parse().unwrap() });
    }

    /// Starts `letter` and lets every action of the first stage succeed.
    pub(crate) fn push(&mut self, letter: char) {
        self.start(letter);
        self.succeed(&format!("{letter} Source/Fetch"));
    }

    /// How many executions are in `stage`.
    pub(crate) fn count_in(&self, stage: &str) -> usize {
        let inside =
            |position: &Position| matches!(position, Position::In { stage: it } if it.as_str() == stage);
        self.state.executions.values().filter(|execution| inside(&execution.position)).count()
    }

    /// Everything so far.
    pub(crate) fn told(self) -> String {
        self.lines.join("\n")
    }

    /// Forgets what was told so far.
    pub(crate) fn skip(&mut self) {
        self.lines = vec!["...".into()];
    }
}
