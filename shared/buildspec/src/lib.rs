//! buildspec.yml 0.2: parse it and run it.
//!
//! Follows the CodeBuild user guide ("Build specification reference for CodeBuild" and the pages around it). Where the
//! guide leaves something open, this crate does the following:
//!
//! - All items of a 0.2 buildspec run in one shell, so directory, variables and functions carry over. Variables are
//!   exported (`set -a`). Shell options are reset before each item, as if each had a script of its own. `exit` ends the
//!   item; a new shell takes over directory, exported variables and background processes. A `trap … EXIT` set by an item
//!   runs only if that item itself exits the shell.
//! - Standard input of commands is empty.
//! - A phase that fails although `on-failure: CONTINUE` lets the next one run still fails the build. `ABORT`, and a failed
//!   `install` or `pre_build`, skip artifacts; reports are read in any case. `RETRY` starts again with `install` in a new
//!   shell and the same source directory; its regular expression is looked for in the error's message and in the last
//!   30 lines of output; when no retry is left, the default for the phase applies.
//! - `CODEBUILD_BUILD_SUCCEEDING` is 0 from the failed command on, in the phase's own `finally` too; a failed command of
//!   `finally` ends that block.
//! - `secrets-manager` wins over `parameter-store`, and that over `variables`.
//! - `**/*` matches names that start with a dot. With `discard-paths` the first of several files of one name is kept.
//!   Symbolic links become the files that they point to; with `enable-symlinks` they stay links, and one that leaves the
//!   artifact fails the upload.
//! - Failed test cases do not fail a build. Coverage reports are listed, not read.
//! - The cache is saved after a build that succeeded. `$(codebuild-hash-files …)` is understood in its keys.
//! - In a batch, builds behind a failed one do not run. `build-fanout` is checked, not run.
//! - Values of secrets with fewer than 4 characters are not masked in logs.
//! - `env.shell` for Windows, and `run-as` for a user that cannot be had, fail the build with the way out.

mod artifacts;
mod cache;
mod definition;
mod files;
mod log;
mod parse;
mod reports;
mod run;
mod secrets;

pub use definition::*;
pub use log::{Clock, LogSink, MAX_LINE, MaskError};
pub use parse::{Parsed, parse};
pub use reports::{Counts, FailingCase, Report};
pub use run::{
    Artifact, BatchError, BatchOutcome, BatchedOutcome, BuildInfo, BuildPhase, BuildStatus, Failure, Outcome,
    Outputs, PhaseOutcome, Ready, Request, Variable, VariableValue, run, run_batch,
};
pub use secrets::{NoSecrets, SecretError, SecretReference, Secrets};
