//! The router over adapters in memory: what a client, a browser or GitHub sends and gets back.

mod approvals;
mod fixture;
mod fuzz;
mod guard;
mod operations;
mod pages;
mod protocols;
mod sites;
mod v1;
mod webhooks;
