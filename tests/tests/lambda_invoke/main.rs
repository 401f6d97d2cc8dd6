//! Invoke actions: functions that `MiniStack` runs are called with jobs and answer them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
#[path = "../../../shared/aws/tests/connector/mod.rs"]
mod connector;
mod credentials;
mod faults;
mod outputs;
mod pauses;
#[path = "../../../shared/aws/tests/performed/mod.rs"]
mod performed;
#[path = "../providers/mod.rs"]
mod providers;
mod repetition;
mod silence;
mod stage;
