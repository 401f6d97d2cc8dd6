//! Adapters for one machine: SQLite, files, child processes.
