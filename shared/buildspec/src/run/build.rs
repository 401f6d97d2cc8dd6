//! One build from beginning to end.

use std::time::SystemTime;

use penstock_process::Account;
use regex::Regex;

use super::environment::{self, Environment, Prepared, Unavailable};
use super::halt::{Halt, Halted};
use super::outcome::{BuildPhase, BuildStatus, Failure, Outcome, PhaseOutcome};
use super::request::Request;
use super::shell::{NoAnswer, ShellSpec};
use super::shells::Shells;
use super::{runtimes, upload};
use crate::definition::{OnFailure, Phase, PhaseName, Shell};
use crate::log::{Log, Masker};

/// The length in bytes from which a secret is one though it be the whole of an exported value.
const SHORTEST: usize = 4;
/// The length in bytes from which a secret tells itself by standing within an exported value.
const TELLING: usize = 8;
/// Variables that name files which a shell runs as it starts.
const STARTUP_FILES: [&str; 2] = ["BASH_ENV", "ENV"];

/// A build under way.
pub(super) struct Build {
    pub(super) request: Request,
    pub(super) log: Log,
    pub(super) halt: Halt,
    pub(super) shells: Shells,
    /// What was found out before the build began.
    ahead: Option<Prepared>,
    /// Names set from secrets outside the buildspec.
    unexported: Vec<String>,
    /// The values of secrets.
    secrets: Vec<String>,
    phases: Vec<PhaseOutcome>,
    failure: Option<Failure>,
}

/// What went wrong in a phase.
#[derive(Debug, Default)]
pub(super) struct Problem {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) command: Option<String>,
    pub(super) exit_code: Option<i32>,
    /// The last lines of output when the command failed; what runs afterwards writes its own.
    pub(super) last_lines: Vec<String>,
}

impl Problem {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), ..Self::default() }
    }
}

impl From<Unavailable> for Problem {
    fn from(unavailable: Unavailable) -> Self {
        Self::new(unavailable.code, unavailable.message)
    }
}

/// Why a build ends before its last phase.
pub(super) enum Break {
    Problem(Box<Problem>),
    NoAnswer(NoAnswer),
}

impl From<Problem> for Break {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl<E: Into<NoAnswer>> From<E> for Break {
    fn from(error: E) -> Self {
        Self::NoAnswer(error.into())
    }
}

/// What follows a phase.
enum Next {
    Phase,
    /// Nothing more, not even artifacts.
    End,
    Retry,
}

/// How the four phases together went.
enum Phases {
    /// Artifacts follow.
    Through,
    /// They do not.
    Aborted,
    Retry,
}

impl Build {
    pub(super) fn new(request: Request) -> Self {
        let log = Log::new(request.sink.clone(), Masker::default(), request.now);
        let halt = Halt::new(request.timeout, request.stop.clone());
        let shells = Shells::new(request.buildspec.version, shell_spec(&request, &Environment::default()));
        Self {
            request,
            log,
            halt,
            shells,
            ahead: None,
            unexported: Vec::new(),
            secrets: Vec::new(),
            phases: Vec::new(),
            failure: None,
        }
    }

    /// Finds the environment out and starts the first shell, unless that would be another user's or would run something
    /// of its own. Says nothing: whatever fails here is tried again when the build runs.
    pub(super) async fn make_ready(&mut self) {
        let buildspec = &self.request.buildspec;
        if !can_be_run(buildspec.env.shell) {
            return;
        }
        let Ok(prepared) = environment::prepare(&self.request).await else { return };
        self.shells = Shells::new(buildspec.version, shell_spec(&self.request, &prepared.environment));
        let as_another = buildspec.run_as.is_some() || buildspec.phases.iter().any(|it| it.run_as.is_some());
        if !as_another && STARTUP_FILES.iter().all(|name| prepared.environment.get(name).is_none()) {
            self.shells.start();
        }
        self.ahead = Some(prepared);
    }

    /// What it is made of; a shell that waits for its first command is ended.
    pub(super) fn without_its_shell(self) -> Request {
        self.request
    }

    pub(super) async fn run(mut self) -> Outcome {
        let mut outcome = Outcome {
            status: BuildStatus::Succeeded,
            phases: Vec::new(),
            failure: None,
            exported_variables: Vec::new(),
            reports: Vec::new(),
            artifacts: Vec::new(),
        };
        let ended = self.through(&mut outcome).await;
        let finished = self.shells.finish(&mut self.log).await;
        self.log.flush();
        outcome.status = match (ended, finished) {
            (Ok(()), Ok(())) if self.failure.is_none() => BuildStatus::Succeeded,
            (Ok(()) | Err(BuildStatus::Failed), Ok(())) => BuildStatus::Failed,
            (Err(status), _) => status,
            (Ok(()), Err(_)) => BuildStatus::Fault,
        };
        (outcome.phases, outcome.failure) = (self.phases, self.failure);
        outcome
    }

    /// An error is how the build ended because of something other than a failed phase.
    async fn through(&mut self, outcome: &mut Outcome) -> Result<(), BuildStatus> {
        let started = self.log.now();
        let prepared = self.prepare().await;
        self.settle(BuildPhase::DownloadSource, started, prepared)?;
        if self.failure.is_some() {
            return Ok(());
        }
        let mut tries = 0;
        let through = loop {
            match self.run_phases(tries).await? {
                Phases::Through => break true,
                Phases::Aborted => break false,
                Phases::Retry => {
                    tries += 1;
                    self.start_again(tries).await?;
                }
            }
        };
        let started = self.log.now();
        let exported = self.exported_variables().await;
        outcome.exported_variables = match exported {
            Ok(values) => values,
            Err(error) => return self.settle(BuildPhase::UploadArtifacts, started, Err(error.into())),
        };
        let succeeded = self.failure.is_none();
        let uploaded = upload::upload(self, outcome, through, succeeded).await;
        if through || uploaded.is_err() {
            self.settle(BuildPhase::UploadArtifacts, started, uploaded)?;
        }
        Ok(())
    }

    async fn prepare(&mut self) -> Result<(), Break> {
        let buildspec = self.request.buildspec.clone();
        self.log.marker("Phase is DOWNLOAD_SOURCE");
        self.log.marker(&format!("CODEBUILD_SRC_DIR={}", self.request.source.display()));
        if !can_be_run(buildspec.env.shell) {
            let message =
                "powershell.exe and cmd.exe need Windows; write `env: {shell: bash}` or leave `shell` out";
            return Err(Problem::new("CLIENT_ERROR", message).into());
        }
        let prepared = match self.ahead.take() {
            Some(prepared) => prepared,
            None => {
                let prepared = environment::prepare(&self.request).await.map_err(Problem::from)?;
                self.shells =
                    Shells::new(buildspec.version, shell_spec(&self.request, &prepared.environment));
                prepared
            }
        };
        let masker = Masker::new(&prepared.secrets);
        self.log.mask_with(masker.map_err(|error| Problem::new("CLIENT_ERROR", error.to_string()))?);
        (self.unexported, self.secrets) = (prepared.unexported, prepared.secrets);
        self.log.marker(&format!("Phases found in YAML: {}", buildspec.phases.len()));
        for phase in &buildspec.phases {
            let (name, count) = (shown(phase.name), phase.commands.len());
            self.log.marker(&format!(" {name}: {count} commands"));
        }
        let wanted = buildspec.phase(PhaseName::Install).map(|phase| phase.runtime_versions.as_slice());
        self.log.flush();
        for line in runtimes::lines(wanted.unwrap_or_default(), &prepared.environment).await {
            self.log.marker(&line);
        }
        if buildspec.env.git_credential_helper {
            self.log.marker("git-credential-helper: git uses the credentials that this machine has");
        }
        upload::restore_cache(self).await
    }

    async fn run_phases(&mut self, tries: u8) -> Result<Phases, BuildStatus> {
        let buildspec = self.request.buildspec.clone();
        for name in PhaseName::ALL {
            let phase = buildspec.phase(name);
            let started = self.log.now();
            self.log.marker(&format!("Entering phase {}", shown(name)));
            let done = match phase {
                Some(phase) => self.run_phase(phase).await,
                None => Ok(()),
            };
            let failed = matches!(done, Err(Break::Problem(_)));
            self.settle(shown(name), started, done)?;
            let Some(phase) = phase.filter(|_| failed) else {
                continue;
            };
            match self.next(phase, tries) {
                Next::Phase => {}
                Next::End => return Ok(Phases::Aborted),
                Next::Retry => return Ok(Phases::Retry),
            }
        }
        Ok(Phases::Through)
    }

    async fn run_phase(&mut self, phase: &Phase) -> Result<(), Break> {
        let account = account(phase.run_as.as_ref().or(self.request.buildspec.run_as.as_ref()))?;
        self.shells.switch(account, &mut self.log, &mut self.halt).await?;
        let commands = self.run_commands(&phase.commands).await;
        if let Err(Break::Problem(_)) = &commands {
            self.announce_failure().await?;
        } else if commands.is_err() {
            return commands;
        }
        match self.run_commands(&phase.finally).await {
            // The first problem counts.
            Err(Break::Problem(problem)) => {
                self.announce_failure().await?;
                commands.and(Err(Break::Problem(problem)))
            }
            Err(Break::NoAnswer(error)) => Err(error.into()),
            Ok(()) => commands,
        }
    }

    /// Until the first command that fails.
    async fn run_commands(&mut self, commands: &[String]) -> Result<(), Break> {
        for command in commands {
            self.log.marker(&format!("Running command {command}"));
            self.log.forget_tail();
            let code = self.shells.run(command, &mut self.log, &mut self.halt).await?.code;
            if code != 0 {
                self.log.marker(&format!("Command did not exit successfully {command} exit status {code}"));
                let message = format!("Error while executing command: {command}. Reason: exit status {code}");
                let mut problem = Problem::new("COMMAND_EXECUTION_ERROR", message);
                (problem.command, problem.exit_code) = (Some(command.clone()), Some(code));
                problem.last_lines = self.log.tail();
                return Err(problem.into());
            }
        }
        Ok(())
    }

    async fn announce_failure(&mut self) -> Result<(), NoAnswer> {
        self.shells.export("CODEBUILD_BUILD_SUCCEEDING", "0", &mut self.log, &mut self.halt).await
    }

    fn next(&self, phase: &Phase, tries: u8) -> Next {
        let by_default = match phase.name {
            PhaseName::Install | PhaseName::PreBuild => Next::End,
            PhaseName::Build | PhaseName::PostBuild => Next::Phase,
        };
        match &phase.on_failure {
            OnFailure::Default => by_default,
            OnFailure::Abort => Next::End,
            OnFailure::Continue => Next::Phase,
            OnFailure::Retry { count, pattern } if tries < *count && self.matches(pattern) => Next::Retry,
            OnFailure::Retry { .. } => by_default,
        }
    }

    /// Whether `pattern` is found in the error's message or in the last lines of output.
    fn matches(&self, pattern: &str) -> bool {
        let Some(failure) = &self.failure else {
            return false;
        };
        let text = format!("{}\n{}", failure.message, failure.last_lines.join("\n"));
        Regex::new(pattern).is_ok_and(|regex| regex.is_match(&text))
    }

    async fn start_again(&mut self, tries: u8) -> Result<(), BuildStatus> {
        self.log.marker(&format!("Running the build again because of on-failure: RETRY (retry {tries})"));
        self.failure = None;
        let started = self.log.now();
        let again = async {
            self.shells.finish(&mut self.log).await?;
            self.shells.reset();
            self.shells.export("CODEBUILD_BUILD_SUCCEEDING", "1", &mut self.log, &mut self.halt).await
        };
        match again.await {
            Ok(()) => Ok(()),
            Err(error) => self.settle(BuildPhase::Install, started, Err(error.into())),
        }
    }

    async fn exported_variables(&mut self) -> Result<Vec<(String, String)>, NoAnswer> {
        let buildspec = self.request.buildspec.clone();
        let may = |name: &&str| {
            crate::parse::is_name(name)
                && !name.starts_with("AWS_")
                && !self.unexported.iter().any(|other| other == name)
        };
        let names: Vec<_> = buildspec.env.exported_variables.iter().map(String::as_str).filter(may).collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let values = self.shells.values(&names, &mut self.log, &mut self.halt).await?;
        Ok(self.without_secrets(values))
    }

    /// Exported values are stored, shown and handed to other actions, whose logs know nothing of this build's secrets.
    fn without_secrets(&mut self, values: Vec<(String, String)>) -> Vec<(String, String)> {
        // A short one, such as the name of a stage, stands in many a value by chance.
        let long: Vec<String> = self.secrets.iter().filter(|it| it.len() >= TELLING).cloned().collect();
        let masker = Masker::new(&long).unwrap_or_default();
        let tells = |value: &String| {
            (value.len() >= SHORTEST && self.secrets.contains(value)) || masker.mask(value) != *value
        };
        let (kept, secret): (Vec<_>, Vec<_>) = values.into_iter().partition(|(_, value)| !tells(value));
        for (name, _) in secret {
            self.log.marker(&format!(
                "{name} is not exported: its value contains a secret; let the action that needs it read the secret itself"
            ));
        }
        kept
    }

    /// Records how a phase ended; an error is that the build ends with it.
    fn settle(
        &mut self,
        phase: BuildPhase,
        started: SystemTime,
        done: Result<(), Break>,
    ) -> Result<(), BuildStatus> {
        let (status, problem) = match done {
            Ok(()) => (BuildStatus::Succeeded, None),
            Err(Break::Problem(problem)) => (BuildStatus::Failed, Some(*problem)),
            Err(Break::NoAnswer(NoAnswer::Halted(Halted::TimedOut))) => {
                (BuildStatus::TimedOut, Some(Problem::new("BUILD_TIMED_OUT", "Build has timed out.")))
            }
            Err(Break::NoAnswer(NoAnswer::Halted(Halted::Stopped))) => {
                (BuildStatus::Stopped, Some(Problem::new("BUILD_STOPPED", "Build was stopped.")))
            }
            Err(Break::NoAnswer(NoAnswer::Io(error))) => {
                (BuildStatus::Fault, Some(Problem::new("INTERNAL_ERROR", error.to_string())))
            }
        };
        let problem = problem.unwrap_or_default();
        let last_lines = match status {
            BuildStatus::Succeeded | BuildStatus::Failed => problem.last_lines,
            BuildStatus::Fault | BuildStatus::TimedOut | BuildStatus::Stopped => self.log.tail(),
        };
        let (code, message) = (problem.code, self.log.masked(&problem.message));
        self.log.marker(&format!("Phase complete: {phase} State: {status}"));
        self.log.marker(&format!("Phase context status code: {code} Message: {message}"));
        let duration = self.log.now().duration_since(started).unwrap_or_default();
        if status != BuildStatus::Succeeded && self.failure.is_none() {
            let command = problem.command.map(|command| self.log.masked(&command));
            let (code, message, exit_code) = (code.clone(), message.clone(), problem.exit_code);
            self.failure = Some(Failure { phase, code, message, command, exit_code, last_lines });
        }
        self.phases.push(PhaseOutcome { phase, status, code, message, started, duration });
        match status {
            BuildStatus::Succeeded | BuildStatus::Failed => Ok(()),
            BuildStatus::Fault | BuildStatus::TimedOut | BuildStatus::Stopped => Err(status),
        }
    }
}

fn can_be_run(shell: Shell) -> bool {
    match shell {
        Shell::Bash | Shell::Sh => true,
        Shell::PowerShell | Shell::Cmd => false,
    }
}

fn shown(name: PhaseName) -> BuildPhase {
    match name {
        PhaseName::Install => BuildPhase::Install,
        PhaseName::PreBuild => BuildPhase::PreBuild,
        PhaseName::Build => BuildPhase::Build,
        PhaseName::PostBuild => BuildPhase::PostBuild,
    }
}

fn shell_spec(request: &Request, environment: &Environment) -> ShellSpec {
    ShellSpec {
        shell: request.buildspec.env.shell,
        directory: request.source.clone(),
        environment: environment.os(),
        account: None,
        lineage: request.lineage.clone(),
        folder: request.work.clone(),
    }
}

/// The user of `run-as`; `None` is whoever runs this.
fn account(name: Option<&String>) -> Result<Option<Account>, Problem> {
    let Some(name) = name else { return Ok(None) };
    let refused = |reason: String| Problem::new("CLIENT_ERROR", format!("run-as: {reason}"));
    let account = Account::named(name)
        .map_err(|error| refused(format!("{error}; create it, or take `run-as` out of the buildspec")))?;
    if account.is_current() {
        return Ok(None);
    }
    if !account.permitted() {
        let way_out = "run Penstock as root, or take `run-as` out of the buildspec";
        return Err(refused(format!("only root may run commands as `{name}`; {way_out}")));
    }
    Ok(Some(account))
}
