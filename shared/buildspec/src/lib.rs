//! buildspec.yml 0.2: parse it and run it.

mod definition;
mod parse;
mod secrets;

pub use definition::*;
pub use parse::{Parsed, parse};
pub use secrets::{NoSecrets, SecretError, SecretReference, Secrets};
