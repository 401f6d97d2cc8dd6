//! The stack of `template.yaml`, built by `sam`, deployed to an emulator that enforces IAM, and driven from outside.
//!
//! Only what is outside of the stack stands in: GitHub's API, `CodeBuild`'s (whose builds really run), and the services of
//! the emulator. What the emulator does otherwise than AWS is made up for in `amendments`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod amendments;
mod build;
mod bus;
mod client;
mod failure;
mod invoke;
mod kills;
mod lambda;
mod mail;
mod page;
mod pipelines;
mod poison;
mod program;
mod push;
mod reconcile;
mod release;
mod roles;
mod stack;
mod stop;
mod sweep;
mod update;
mod upload;
mod witness;

/// Whether the stack is deployed with what few will ask of it too; the benchmark counts the calls of one as most have it.
pub(crate) const WITH_ALL_PARAMETERS: bool = true;
