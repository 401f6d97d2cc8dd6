//! What linters and emulators do not notice in `template.yaml`: times that fit, dead letters and alarms, rights, what is
//! public, what the functions are told.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod delivery;
mod document;
mod exposure;
mod linters;
mod rights;
mod settings;
