//! What to run, where, with which environment, and as whom.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::Stdio;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;
use tokio::net::unix::pipe;
use tokio::process::Command;

use crate::account::Account;
use crate::child::Child;
use crate::launch::Launch;
use crate::lineage::Lineage;
use crate::reaper::{self, Kept};

/// Where the program's standard input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Input {
    /// `/dev/null`.
    #[default]
    Null,
    /// A pipe: [`Child::stdin`].
    Piped,
}

/// Where the program's standard output and standard error go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Output {
    /// Two pipes: [`Child::stdout`] and [`Child::stderr`].
    #[default]
    Separate,
    /// Both into one pipe, [`Child::stdout`], so that their order is kept.
    Merged,
    /// `/dev/null`.
    Null,
}

/// What becomes of descendants that still run when the program ended by itself.
///
/// [`Child::end`], dropping the [`Child`] and the death of the calling program end them in both cases, as long as the
/// program itself has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Survivors {
    /// They are killed, and only then [`Child::wait`] returns.
    #[default]
    End,
    /// They live on, as a daemon that a deployment script has started should.
    Keep,
}

/// A program to run. Nothing is inherited from the calling program but its user and its limits.
#[derive(Debug, Clone)]
pub struct Spec {
    /// A path, or a name that is looked up in `PATH` of [`Spec::environment`].
    pub program: OsString,
    /// The arguments, without the program's name.
    pub arguments: Vec<OsString>,
    /// The working directory.
    pub directory: PathBuf,
    /// The complete environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Standard input.
    pub input: Input,
    /// Standard output and standard error.
    pub output: Output,
    /// The user to run as; `None` is the calling program's. Only root may name another one.
    pub account: Option<Account>,
    /// What becomes of descendants that outlive the program.
    pub survivors: Survivors,
    /// The lock that the reaper holds until everything has ended.
    pub lineage: Option<Lineage>,
}

impl Spec {
    /// `program` in `directory`, with an empty environment, no input, and output in two pipes.
    pub fn new(program: impl Into<OsString>, directory: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            directory: directory.into(),
            environment: Vec::new(),
            input: Input::default(),
            output: Output::default(),
            account: None,
            survivors: Survivors::default(),
            lineage: None,
        }
    }

    /// Starts the program. Needs a running tokio runtime with I/O enabled.
    ///
    /// # Errors
    /// What `execve` says, such as `NotFound`; also `NotFound` for a missing directory, and `PermissionDenied` for
    /// a user that the calling program may not become.
    pub fn spawn(self) -> io::Result<Child> {
        if let Some(account) = self.account.as_ref().filter(|account| !account.permitted()) {
            let message = format!("only root may run a program as `{}`", account.name);
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        if !self.directory.is_dir() {
            let message = format!("the directory {} does not exist", self.directory.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        let mut launch = Launch::new(&self)?;
        let (lifeline, hold) = pipe2(OFlag::O_CLOEXEC)?;
        let kept = Kept {
            lifeline: lifeline.as_raw_fd(),
            lineage: self.lineage.as_ref().map_or(-1, Lineage::descriptor),
            survivors: self.survivors,
        };

        let mut command = Command::new(&self.program);
        command.current_dir(&self.directory).kill_on_drop(false);
        let streams = self.streams(&mut command)?;
        // SAFETY: between fork and exec the closure makes system calls only: everything it needs was allocated
        // before, and it returns only with an error, which std then reports.
        unsafe {
            command.pre_exec(move || reaper::take_over(&mut launch, kept));
        }
        let process = command.spawn()?;
        drop(lifeline);
        Ok(Child::new(process, hold, streams))
    }

    fn streams(&self, command: &mut Command) -> io::Result<Streams> {
        let mut streams = Streams::default();
        match self.input {
            Input::Null => drop(command.stdin(Stdio::null())),
            Input::Piped => {
                let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
                command.stdin(read);
                streams.stdin = Some(pipe::Sender::from_owned_fd(write)?);
            }
        }
        match self.output {
            Output::Null => drop(command.stdout(Stdio::null()).stderr(Stdio::null())),
            Output::Merged => {
                let (read, write) = output_pipe()?;
                command.stdout(write.try_clone()?).stderr(write);
                streams.stdout = Some(read);
            }
            Output::Separate => {
                let (read, write) = output_pipe()?;
                command.stdout(write);
                streams.stdout = Some(read);
                let (read, write) = output_pipe()?;
                command.stderr(write);
                streams.stderr = Some(read);
            }
        }
        Ok(streams)
    }
}

fn output_pipe() -> io::Result<(pipe::Receiver, OwnedFd)> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
    Ok((pipe::Receiver::from_owned_fd(read)?, write))
}

/// The calling program's ends of the pipes.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    pub(crate) stdin: Option<pipe::Sender>,
    pub(crate) stdout: Option<pipe::Receiver>,
    pub(crate) stderr: Option<pipe::Receiver>,
}
