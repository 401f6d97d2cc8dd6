//! Ids, definitions, artifacts, variables and triggers: parsing and validation, without I/O.

pub mod artifact;
pub mod diagnostic;
pub mod document;
pub mod id;
pub mod pipeline;
pub mod time;
