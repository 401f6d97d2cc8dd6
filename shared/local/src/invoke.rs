//! Invoke actions: a program of this machine, never a shell string.
//!
//! Owner `Custom`, provider `Command`: the configuration's `Command` is a JSON list, the program and its arguments, without
//! `#{...}`; those go into `UserParameters`.
//! Owner `AWS`, provider `Lambda`: `FunctionName` names an entry of `functions.yml`:
//!
//! ```yaml
//! functions:
//!   announce: {command: [python3, /srv/announce.py], environment: {CHANNEL: releases}}
//! ```
//!
//! The program starts in a folder that holds the first input artifact's files. It finds `PENSTOCK_PIPELINE`,
//! `PENSTOCK_EXECUTION_ID`, `PENSTOCK_ACTION`, `FUNCTION_NAME`, `USER_PARAMETERS` and, for each input artifact,
//! `PENSTOCK_INPUT_<name>` in its environment. Lines `NAME=value` in the file `PENSTOCK_OUTPUT` become output variables.
//! Exit code 0 is success.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use penstock_app::engine::state::{AttemptError, ErrorCode, External};
use penstock_app::port::PortError;
use penstock_app::port::clock::Clock;
use penstock_app::port::provider::{Begun, Done, Ending, Observation, Provider, Work};
use penstock_model::pipeline::Action;
use penstock_process::{Child, Lineage, Output, Spec};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use crate::attempt_log::{AttemptLog, failure};
use crate::environment;
use crate::in_flight::{EndSignal, InFlight, OnShutDown};
use crate::logs::LogFiles;
use crate::machine_files::{FileError, MachineFiles};
use crate::workspace::{Workspace, Workspaces};

/// The file's name.
pub const FILE: &str = "functions.yml";
/// How long a program has to end once it is asked to.
const GRACE: Duration = Duration::from_secs(5);
/// The longest line of a program's output that is logged in one piece.
const MAX_LINE: u64 = 16 << 10;
/// The most that is read of the file with output variables; what an action may hand on is less.
const MAX_VARIABLES: u64 = 1 << 20;

/// Performs Invoke actions on this machine.
#[derive(Clone)]
pub struct Invoke {
    /// Where functions are written down.
    pub files: MachineFiles,
    /// Where inputs are unpacked.
    pub workspaces: Workspaces,
    /// Where attempts' logs go.
    pub logs: LogFiles,
    /// What runs in this process.
    pub in_flight: InFlight,
    /// Held by programs as long as they run.
    pub lineage: Lineage,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Program {
    command: Vec<String>,
    environment: Vec<(String, String)>,
}

/// The program that `action` names.
pub(crate) fn program(action: &Action, files: &MachineFiles) -> Result<Program, String> {
    let get = |key: &str| action.configuration.get(key).map(String::as_str).unwrap_or_default();
    if action.action_type_id.provider == "Command" {
        let command: Result<Vec<String>, _> = serde_json::from_str(get("Command"));
        return match command {
            Ok(command) if !command.is_empty() => Ok(Program { command, environment: vec![] }),
            Ok(_) | Err(_) => {
                Err("Command is no JSON list of a program and its arguments, such as [\"./notify\", \"web\"]"
                    .into())
            }
        };
    }
    let name = get("FunctionName");
    let found = in_file(files, name).map_err(|error| error.to_string())?;
    found.ok_or_else(|| {
        let name = name.escape_debug();
        format!("the Lambda function `{name}` is not on this machine; write `functions: {{{name}: {{command: [...]}}}}` into {}", files.places(FILE))
    })
}

fn in_file(files: &MachineFiles, name: &str) -> Result<Option<Program>, FileError> {
    let Some(found) = files.find(FILE)? else { return Ok(None) };
    let Some(node) = found.root.get("functions").and_then(|functions| functions.get(name)) else {
        return Ok(None);
    };
    let (mut command, mut environment) = (vec![], vec![]);
    for (key, value) in found.entries(node)? {
        match key {
            "command" => {
                for item in found.items(value)? {
                    command.push(found.text(item)?.to_owned());
                }
            }
            "environment" => environment = found.texts(value)?,
            other => return Err(found.unknown(value, other, "command, environment")),
        }
    }
    if command.is_empty() {
        return Err(
            found.invalid(node, "`command` is missing; it is a list of the program and its arguments")
        );
    }
    Ok(Some(Program { command, environment }))
}

#[async_trait]
impl Provider for Invoke {
    async fn start(&self, work: &Work, taken_over: bool) -> Result<Begun, PortError> {
        if taken_over && self.in_flight.observe(&work.attempt) == Observation::Gone {
            return Ok(Begun::Ended(interrupted()));
        }
        let external = External { id: work.attempt.token(), url: None };
        let (this, inner, told) = (self.clone(), work.clone(), external.clone());
        let task = move |end: EndSignal| async move {
            match this.run(&inner, end).await {
                Ok(ending) => ending,
                Err(error) => Ending::Failed { error, external: Some(told) },
            }
        };
        Ok(self.in_flight.begin(&work.pipeline, &work.attempt, external, OnShutDown::End, task).await)
    }

    async fn observe(&self, work: &Work, _external: &External) -> Result<Observation, PortError> {
        Ok(match self.in_flight.observe(&work.attempt) {
            Observation::Gone => Observation::Ended(interrupted()),
            known @ (Observation::Running | Observation::Ended(_)) => known,
        })
    }

    async fn cancel(&self, work: &Work, _external: Option<&External>) -> Result<Observation, PortError> {
        Ok(self.in_flight.cancel(&work.attempt))
    }
}

fn interrupted() -> Ending {
    Ending::Interrupted {
        message: "the server was interrupted while the program ran; it has ended, and is invoked again"
            .into(),
    }
}

impl Invoke {
    async fn run(&self, work: &Work, end: EndSignal) -> Result<Ending, AttemptError> {
        let started_at = self.clock.now();
        let program = program(&work.action, &self.files)
            .map_err(|message| AttemptError::new(ErrorCode::ConfigurationError, message))?;
        let log = AttemptLog::open(&self.logs, &work.attempt)
            .map_err(|failed| AttemptError::new(ErrorCode::SystemUnavailable, failed.to_string()))?;
        let (this, inner) = (self.clone(), work.clone());
        let laid_out = tokio::task::spawn_blocking(move || this.lay_out(&inner)).await;
        let (workspace, inputs) = laid_out
            .map_err(|failed| AttemptError::new(ErrorCode::SystemUnavailable, failed.to_string()))??;
        let output = workspace.path().join("output");
        let child = spawn(work, &program, &workspace, &inputs, &output, &self.lineage);
        let mut child = child.map_err(|failed| {
            AttemptError::new(
                ErrorCode::JobFailed,
                format!("`{}` could not be started: {failed}", program.command[0]),
            )
        })?;
        let ended = tokio::select! {
            ended = follow(&mut child, &log) => ended,
            _ = end.asked() => {
                let ended = child.end(GRACE).await;
                return ended.map(|_| Ending::Cancelled).map_err(|failed| AttemptError::new(ErrorCode::SystemUnavailable, failed.to_string()));
            }
        };
        let status =
            ended.map_err(|failed| AttemptError::new(ErrorCode::SystemUnavailable, failed.to_string()))?;
        if !status.success() {
            let what = format!("`{}` ended with {status}", program.command.join(" "));
            return Ok(failure(&self.logs, &work.attempt, ErrorCode::JobFailed, &what, None));
        }
        let variables = variables(&output);
        Ok(Ending::Succeeded(Box::new(Done { variables, started_at: Some(started_at), ..Done::default() })))
    }

    fn lay_out(&self, work: &Work) -> Result<(Workspace, Vec<(String, PathBuf)>), AttemptError> {
        let failed = |failed: &dyn std::fmt::Display| {
            AttemptError::new(ErrorCode::SystemUnavailable, format!("making a work folder: {failed}"))
        };
        let workspace = self.workspaces.create(&work.attempt).map_err(|error| failed(&error))?;
        let mut inputs = vec![];
        for (index, input) in work.inputs.iter().enumerate() {
            let into = workspace.path().join(format!("in{index}"));
            self.workspaces
                .extract(input, &into)
                .map_err(|refused| AttemptError::new(ErrorCode::JobFailed, refused.in_a_sentence()))?;
            inputs.push((input.name.as_str().to_owned(), into));
        }
        Ok((workspace, inputs))
    }
}

fn spawn(
    work: &Work,
    program: &Program,
    workspace: &Workspace,
    inputs: &[(String, PathBuf)],
    output: &Path,
    lineage: &Lineage,
) -> std::io::Result<Child> {
    let directory = inputs.first().map_or_else(|| workspace.path().to_owned(), |(_, path)| path.clone());
    let mut environment = environment::inherited();
    let mut set = |name: &str, value: OsString| environment.push((name.into(), value));
    for (name, value) in &program.environment {
        set(name, value.into());
    }
    let get = |key: &str| work.action.configuration.get(key).cloned().unwrap_or_default();
    set("PENSTOCK_PIPELINE", work.pipeline.as_str().into());
    set("PENSTOCK_EXECUTION_ID", work.attempt.execution.as_str().into());
    set("PENSTOCK_ACTION", work.action.name.as_str().into());
    set("PENSTOCK_OUTPUT", output.into());
    set("FUNCTION_NAME", get("FunctionName").into());
    set("USER_PARAMETERS", get("UserParameters").into());
    for (name, path) in inputs {
        set(&format!("PENSTOCK_INPUT_{name}"), path.into());
    }
    let mut spec = Spec::new(&program.command[0], directory);
    spec.arguments = program.command[1..].iter().map(Into::into).collect();
    spec.environment = environment;
    spec.output = Output::Merged;
    spec.lineage = Some(lineage.clone());
    spec.spawn()
}

/// Copies what the program writes into the log until it has ended.
async fn follow(child: &mut Child, log: &AttemptLog) -> std::io::Result<std::process::ExitStatus> {
    if let Some(output) = child.stdout.take() {
        let (mut output, mut line) = (BufReader::new(output), vec![]);
        // A longer line comes in pieces.
        while (&mut output).take(MAX_LINE).read_until(b'\n', &mut line).await? > 0 {
            log.line(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    child.wait().await
}

fn variables(output: &Path) -> BTreeMap<String, String> {
    let mut bytes = vec![];
    // Nothing that would block or never end, such as a pipe or a device.
    let is_file = std::fs::symlink_metadata(output).is_ok_and(|there| there.is_file());
    if is_file && let Ok(file) = File::open(output) {
        // What cannot be read gives no variables.
        let _ = file.take(MAX_VARIABLES).read_to_end(&mut bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.trim().to_owned(), value.to_owned()))
        .filter(|(name, _)| !name.is_empty())
        .collect()
}
