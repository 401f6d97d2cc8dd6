//! Builds in real shells.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod batches;
mod commands;
mod place;
mod uploads;
