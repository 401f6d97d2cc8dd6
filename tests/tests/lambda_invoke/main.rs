//! Invoke actions: functions that `MiniStack` runs are called with jobs and answer them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod credentials;
mod outputs;
#[path = "../providers/mod.rs"]
mod providers;
mod repetition;
mod silence;
mod stage;
