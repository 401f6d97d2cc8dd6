//! Builders, fakes, contract suites for adapters, and faults; a development dependency only.
//!
//! [`fake`] holds in-memory adapters that pass the same suites ([`contract`]) as the real ones. [`fault`] makes any
//! adapter fail before, fail after, or lose its acknowledgement, as a seed has it. [`emulator`] starts AWS on this
//! machine, out of the pinned environments of [`python`].

pub mod build;
pub mod contract;
pub mod dice;
pub mod emulator;
pub mod fake;
pub mod fault;
pub mod installation;
pub mod kept_logs;
pub mod python;
