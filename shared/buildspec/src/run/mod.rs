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

/// A build that has been made ready: its environment is known, and its shell waits for the first command.
///
/// Nothing of it has run and nothing has been written to its log. Dropping it ends the shell.
pub struct Ready(build::Build);

impl Ready {
    /// Makes a build ready as far as that goes; what does not go yet is tried again, and reported, by [`Self::run`].
    pub async fn new(request: Request) -> Self {
        let mut build = build::Build::new(request);
        build.make_ready().await;
        Self(build)
    }

    /// The same build as the `number`th of its project; it is made ready anew if it was made so as another.
    pub async fn numbered(self, number: u64) -> Self {
        if self.0.request.build.number == number {
            return self;
        }
        let mut request = self.0.without_its_shell();
        request.build.number = number;
        Self::new(request).await
    }

    /// Runs the build to its end, as [`run`] does.
    pub async fn run(self) -> Outcome {
        self.0.run().await
    }
}

/// Runs one build to its end; never fails itself: what went wrong stands in the outcome.
///
/// Every process of the build has ended when this returns. Dropping the future kills them.
pub async fn run(request: Request) -> Outcome {
    build::Build::new(request).run().await
}
