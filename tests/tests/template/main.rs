//! What linters and emulators do not notice in `template.yaml`: times that fit, dead letters and alarms, rights, what is
//! public, what the functions are told; and in `samconfig.toml`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod delivery;
mod document;
mod doors;
mod environments;
mod events;
mod exposure;
mod linters;
mod rights;
mod settings;
mod watching;
