//! How the program ends: the exit codes that other programs rely on, and failures that carry one.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what was asked, or the execution succeeded.
    Succeeded,
    /// The execution, or the command, failed.
    Failed,
    /// The command line or a definition is wrong.
    Misused,
    /// The execution was stopped or rejected, or the pipeline rejects the command as it stands now.
    Stopped,
    /// No server answers.
    Unreachable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Succeeded => Self::from(0),
            Exit::Failed => Self::from(1),
            Exit::Misused => Self::from(2),
            Exit::Stopped => Self::from(3),
            Exit::Unreachable => Self::from(4),
        }
    }
}

/// A failure that says how the program ends.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What happened and what to do.
    pub(crate) message: String,
}

impl Failure {
    /// A failure that ends the program with `exit`.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// The command line names something that is not there, or asks for what cannot be.
    pub(crate) fn misused(message: impl Into<String>) -> Self {
        Self::new(Exit::Misused, message)
    }
}

/// The exit code of `error`; [`Exit::Failed`] if it carries none.
pub(crate) fn of(error: &anyhow::Error) -> Exit {
    error.downcast_ref::<Failure>().map_or(Exit::Failed, |failure| failure.exit)
}

/// Whether `error` only says that nobody reads the output any more, as in `penstock logs … | head`.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}
