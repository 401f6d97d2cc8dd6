//! The router over adapters in memory: what a client, a browser or GitHub sends and gets back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod approvals;
mod doubtful_verdicts;
mod fixture;
mod fuzz;
mod guard;
mod jobs;
mod operations;
mod pages;
mod protocols;
mod sites;
mod v1;
mod webhooks;
