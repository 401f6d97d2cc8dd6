//! What to run, where, with which environment, and as whom.

use std::ffi::{CString, OsString};
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;
use tokio::net::unix::pipe;

use crate::account::Account;
use crate::child::Child;
use crate::keeper::{self, Order};
use crate::launch::Launch;
use crate::lineage::Lineage;
use crate::reaper::Kept;

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
        let (lifeline, hold) = pipe2(OFlag::O_CLOEXEC)?;
        let kept = Kept {
            lifeline: lifeline.as_raw_fd(),
            lineage: self.lineage.as_ref().map_or(-1, Lineage::descriptor),
            survivors: self.survivors,
        };
        let (ours, streams) = self.streams()?;
        let order = Order {
            launch: Launch::new(&self)?,
            kept,
            streams,
            lifeline,
            directory: CString::new(self.directory.as_os_str().as_bytes())?,
        };
        Ok(Child::new(keeper::start(order)?, hold, ours))
    }

    /// Our ends of the program's streams, and its own.
    fn streams(&self) -> io::Result<(Streams, [OwnedFd; 3])> {
        let mut ours = Streams::default();
        let null = || -> io::Result<OwnedFd> {
            Ok(OpenOptions::new().read(true).write(true).open("/dev/null")?.into())
        };
        let input = match self.input {
            Input::Null => null()?,
            Input::Piped => {
                let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
                ours.stdin = Some(pipe::Sender::from_owned_fd(write)?);
                read
            }
        };
        let (output, errors) = match self.output {
            Output::Null => (null()?, null()?),
            Output::Merged => {
                let (read, write) = output_pipe()?;
                ours.stdout = Some(read);
                (write.try_clone()?, write)
            }
            Output::Separate => {
                let (read, output) = output_pipe()?;
                ours.stdout = Some(read);
                let (read, errors) = output_pipe()?;
                ours.stderr = Some(read);
                (output, errors)
            }
        };
        Ok((ours, [input, output, errors]))
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
