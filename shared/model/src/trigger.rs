//! Decides which pipelines a push or a pull request starts.

/// The branch that a source follows when it names none.
pub const DEFAULT_BRANCH: &str = "main";
