//! The table against an emulator, with a real SDK client: contracts, faults, formats, limits, cost.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;
#[path = "../connector/mod.rs"]
mod connector;
mod contracts;
mod cost;
mod damage;
mod faults;
mod faults_of_reads;
mod faults_of_writes;
mod formats;
mod golden;
mod limits;
mod meter;
mod snapshots;
