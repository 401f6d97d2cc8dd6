//! The program with the cargo feature `aws`, run as people run it: against an account that an emulator is, with a stack of
//! this project's template without its functions, and an API that is the server of one machine behind a check of
//! signatures.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod account;
mod approvers;
mod caller;
mod check;
mod check_services;
mod doctor;
#[path = "../template/document.rs"]
#[expect(dead_code, reason = "the template's own tests use the rest")]
mod document;
mod gate;
mod program;
mod proxy;
mod readme;
mod redrive;
mod relay;
mod server;
mod signed;
mod stack;
