//! buildspec.yml 0.2: parse it and run it.

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
    Outputs, PhaseOutcome, Request, Variable, VariableValue, run, run_batch,
};
pub use secrets::{NoSecrets, SecretError, SecretReference, Secrets};
