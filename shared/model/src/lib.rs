//! Ids, definitions, artifacts, variables and triggers: parsing and validation, without I/O.

pub mod artifact;
pub mod cloudformation;
pub mod definition;
pub mod diagnostic;
pub mod document;
pub mod glob;
pub mod id;
pub mod kind;
pub mod pipeline;
pub mod plain;
pub mod provider;
pub mod stores;
pub mod time;
pub mod trigger;
pub mod variable;
