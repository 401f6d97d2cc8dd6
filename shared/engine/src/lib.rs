//! The pure state machine: decide, apply, pending. It does no I/O and reads no clock.
//!
//! Everything outside (stores, queues, providers, people) is managed by `app`, which hands in the state, the
//! definitions that it pins, a command and the time, and carries out what comes back.
//!
//! [`decide()`] accepts a command or says why not (`accept`, one file a command), then plans from the state until
//! nothing more is due (`plan`, one file a rule). Every event goes through [`apply()`] while planning, so replaying
//! the events gives the same state. [`pending()`] reads from the state alone what is owed to the outside.

mod accept;
pub mod apply;
pub mod command;
pub mod debt;
pub mod decide;
mod draft;
pub mod event;
pub mod history;
pub mod inputs;
mod open_set;
pub mod pending;
mod plan;
pub mod rejection;
pub mod state;
pub mod timing;

pub use apply::apply;
pub use decide::{Decision, decide};
pub use history::{AttemptHistory, attempts};
pub use inputs::{Inputs, inputs};
pub use pending::{is_open, next_due, owed_since, pending, to_send};
