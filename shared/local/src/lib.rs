//! Adapters for one machine: SQLite, files, child processes.

pub mod claims;
pub mod clock;
pub mod database;
pub mod logs;
pub mod objects;
pub mod source;
