//! The pure state machine: decide, apply, pending. It does no I/O and reads no clock.
//!
//! Everything outside (stores, queues, providers, people) is managed by `app`, which hands in the state, the
//! definitions that it pins, a command and the time, and carries out what comes back.

pub mod command;
pub mod debt;
pub mod event;
pub mod rejection;
pub mod state;
