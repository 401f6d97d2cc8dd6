//! Runs one script of a lifecycle event.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use penstock_process::{Account, Child, Lineage, Spec, Survivors};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use crate::appspec::Script;
use crate::outcome::{Diagnostics, ErrorCode};
use crate::script_log::ScriptLog;
use crate::stop::StopSignal;

/// Between `TERM` and `KILL`.
const GRACE: Duration = Duration::from_secs(5);
/// Longer lines are cut into pieces.
const LINE_BYTES: usize = 16 * 1024;

/// What a script runs with.
pub(crate) struct ScriptContext<'a> {
    /// The revision whose script it is, which is its working folder too.
    pub(crate) archive: &'a Path,
    pub(crate) environment: &'a [(OsString, OsString)],
    pub(crate) ignore_ownership: bool,
    pub(crate) lineage: Option<Lineage>,
    pub(crate) log: &'a ScriptLog,
    pub(crate) stop: &'a StopSignal,
}

/// Why an event ends early.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The script failed.
    Failed(Box<Diagnostics>),
    /// Somebody stopped the deployment.
    Stopped,
}

impl ScriptContext<'_> {
    /// Runs `script` to its end, its timeout or a stop.
    pub(crate) async fn run(&self, script: &Script) -> Result<(), Ended> {
        self.log.note(&format!("Script - {}", script.location));
        let fail = |code, message: String| self.failure(script, code, message);
        let program = self.locate(script).map_err(|(code, message)| fail(code, message))?;
        let account = self.account(script).map_err(|message| fail(ErrorCode::ScriptFailed, message))?;
        let child = self.spec(&program, account).spawn().map_err(|error| {
            let hint = interpreter_hint(&program);
            fail(
                ErrorCode::ScriptNotExecutable,
                format!("the script {} cannot be started: {error}{hint}", script.location),
            )
        })?;
        self.attend(script, child).await
    }

    fn failure(&self, script: &Script, error_code: ErrorCode, message: String) -> Ended {
        self.log.note(&message);
        let script_name = script.location.clone();
        Ended::Failed(Box::new(Diagnostics { error_code, script_name, message, log_tail: self.log.tail() }))
    }

    /// The script's path, made executable if need be.
    fn locate(&self, script: &Script) -> Result<PathBuf, (ErrorCode, String)> {
        let path = self.archive.join(script.path.as_path());
        let missing = || {
            let message = format!(
                "the script {} is not in the revision; add it or correct `location`",
                script.location
            );
            (ErrorCode::ScriptMissing, message)
        };
        let real = path.canonicalize().map_err(|_| missing())?;
        let top = self.archive.canonicalize().map_err(|_| missing())?;
        if !real.starts_with(&top) {
            let message =
                format!("the script {} lies outside of the revision, behind a link", script.location);
            return Err((ErrorCode::ScriptMissing, message));
        }
        let status = real.metadata().map_err(|_| missing())?;
        if !status.is_file() {
            return Err(missing());
        }
        let mode = status.permissions().mode();
        if mode & 0o111 == 0 {
            self.log.note(&format!("warning: the script {} is not executable; made it so", script.location));
            fs::set_permissions(&real, fs::Permissions::from_mode(mode | 0o111)).map_err(|error| {
                let message = format!("the script {} cannot be made executable: {error}", script.location);
                (ErrorCode::ScriptNotExecutable, message)
            })?;
        }
        Ok(path)
    }

    /// As whom it runs; `None` is this user.
    fn account(&self, script: &Script) -> Result<Option<Account>, String> {
        match account(script) {
            Err(message) if self.ignore_ownership => {
                self.log.note(&format!("warning: {message}; it runs as this user, as the group asks"));
                Ok(None)
            }
            Err(message) => {
                Err(format!("{message}; correct it, or let the deployment group set ignoreOwnership"))
            }
            found => found,
        }
    }

    fn spec(&self, program: &Path, account: Option<Account>) -> Spec {
        let mut spec = Spec::new(program, self.archive);
        spec.environment = self.environment.to_vec();
        if let Some(account) = &account {
            let home = account.home.clone().into_os_string();
            let shell = account.shell.clone().into_os_string();
            let own = [
                ("HOME", home),
                ("SHELL", shell),
                ("USER", account.name.clone().into()),
                ("LOGNAME", account.name.clone().into()),
            ];
            for (name, value) in own {
                spec.environment.retain(|(other, _)| other != name);
                spec.environment.push((name.into(), value));
            }
        }
        spec.account = account;
        // What ApplicationStart starts in the background is what the deployment is for.
        spec.survivors = Survivors::Keep;
        spec.lineage = self.lineage.clone();
        spec
    }

    /// One deadline covers the script's end and the end of both its outputs, as with the agent.
    async fn attend(&self, script: &Script, mut child: Child) -> Result<(), Ended> {
        let deadline = Instant::now() + Duration::from_secs(script.timeout_seconds);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let outputs = async { tokio::join!(self.read(stdout, "[stdout]"), self.read(stderr, "[stderr]")) };
        tokio::pin!(outputs);
        let mut status = None;
        let mut open = true;
        while open || status.is_none() {
            tokio::select! {
                biased;
                ended = child.wait(), if status.is_none() => status = Some(ended),
                _ = &mut outputs, if open => open = false,
                _ = self.stop.wait() => {
                    self.log.note("the deployment is stopped; ending the script");
                    let _gone = child.end(GRACE).await;
                    return Err(Ended::Stopped);
                }
                () = tokio::time::sleep_until(deadline) => return Err(self.late(script, status.is_some(), child).await),
            }
        }
        match status {
            Some(Ok(status)) if status.success() => Ok(()),
            Some(Ok(status)) => Err(self.failure(script, ErrorCode::ScriptFailed, ending(script, status))),
            Some(Err(error)) => Err(self.failure(script, ErrorCode::UnknownError, lost(script, &error))),
            None => Ok(()),
        }
    }

    async fn late(&self, script: &Script, ended: bool, mut child: Child) -> Ended {
        let seconds = script.timeout_seconds;
        let _gone = child.end(GRACE).await;
        if ended {
            let message = format!(
                "the script {} ended, but something that it started kept its output open for {seconds} seconds; \
                 redirect the output of what runs in the background, e.g. `server > server.log 2>&1 &`",
                script.location
            );
            return self.failure(script, ErrorCode::OutputsLeftOpen, message);
        }
        let message =
            format!("the script {} was ended after its timeout of {seconds} seconds", script.location);
        self.failure(script, ErrorCode::ScriptTimedOut, message)
    }

    async fn read(&self, output: Option<impl AsyncRead + Unpin>, prefix: &str) {
        let Some(mut output) = output else { return };
        let mut buffer = vec![0; LINE_BYTES];
        let mut line = prefix.as_bytes().to_vec();
        // A broken pipe ends the output like its end.
        while let Ok(read @ 1..) = output.read(&mut buffer).await {
            for byte in &buffer[..read] {
                if *byte == b'\n' || line.len() >= LINE_BYTES {
                    self.log.line(&line);
                    line.truncate(prefix.len());
                }
                if *byte != b'\n' {
                    line.push(*byte);
                }
            }
        }
        if line.len() > prefix.len() {
            self.log.line(&line);
        }
    }
}

/// The account that `runas` names; `None` is this user.
pub(crate) fn account(script: &Script) -> Result<Option<Account>, String> {
    let Some(name) = &script.run_as else {
        return Ok(None);
    };
    match Account::named(name) {
        Ok(account) if account.is_current() => Ok(None),
        Ok(account) if account.permitted() => Ok(Some(account)),
        Ok(_) => Err(format!("only root may run a script as `{name}` (`runas`)")),
        Err(error) => Err(format!("{error} (`runas`)")),
    }
}

fn ending(script: &Script, status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("the script {} ended with exit code {code}", script.location),
        (None, Some(signal)) => format!("the script {} was ended by signal {signal}", script.location),
        (None, None) => format!("the script {} ended with {status}", script.location),
    }
}

fn lost(script: &Script, error: &io::Error) -> String {
    format!("the end of the script {} could not be learned: {error}", script.location)
}

/// What often is wrong when a file that is there is "not found".
fn interpreter_hint(program: &Path) -> String {
    let bytes = fs::read(program).unwrap_or_default();
    let Some(first) = bytes.strip_prefix(b"#!").and_then(|rest| rest.split(|byte| *byte == b'\n').next())
    else {
        return String::new();
    };
    let shown = crate::script_log::clean(first);
    if first.ends_with(b"\r") {
        return format!(
            "; its first line `#!{shown}` ends with a carriage return: save it with Unix line ends"
        );
    }
    format!("; is `{}` installed?", shown.trim())
}
