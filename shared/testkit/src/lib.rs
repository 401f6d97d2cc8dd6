//! Builders, fakes, contract suites for adapters, and faults; a development dependency only.
//!
//! [`fake`] holds in-memory adapters that pass the same suites ([`contract`]) as the real ones. [`fault`] makes any
//! adapter fail before, fail after, or lose its acknowledgement, as a seed has it.

pub mod build;
pub mod contract;
pub mod dice;
pub mod fake;
pub mod fault;
pub mod installation;
