//! What a person sees: trees, lines, times, and text made harmless.

pub(crate) mod clean;
pub(crate) mod diagnostics;
pub(crate) mod duration;
pub(crate) mod failure;
pub(crate) mod glyph;
pub(crate) mod live;
pub(crate) mod notice;
pub(crate) mod out;
pub(crate) mod plain;
pub(crate) mod tree;

use penstock_model::id::ExecutionId;

/// The first characters of a commit.
pub(crate) fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

/// The first characters of an execution's id.
pub(crate) fn brief(execution: &ExecutionId) -> &str {
    execution.as_str().get(..8).unwrap_or(execution.as_str())
}
