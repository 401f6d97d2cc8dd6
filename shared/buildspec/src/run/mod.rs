//! Runs one build: its phases in its shell, its reports, artifacts and cache.

mod batch;
mod build;
mod environment;
mod halt;
mod outcome;
mod request;
mod runtimes;
mod script;
mod shell;
mod shells;
mod upload;

pub use batch::{BatchError, BatchOutcome, BatchedOutcome, run_batch};
pub use outcome::{Artifact, BuildPhase, BuildStatus, Failure, Outcome, PhaseOutcome};
pub use request::{BuildInfo, Outputs, Request, Variable, VariableValue};

/// Runs one build to its end; never fails itself: what went wrong stands in the outcome.
///
/// Every process of the build has ended when this returns. Dropping the future kills them.
pub async fn run(request: Request) -> Outcome {
    build::Build::new(request).run().await
}
