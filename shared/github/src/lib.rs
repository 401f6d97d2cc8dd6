//! GitHub: signatures, payloads, archive download, branches, commit statuses.

pub mod api;
mod archive;
pub mod branches;
pub mod payload;
mod place;
pub mod redeliveries;
pub mod signature;
pub mod source;
pub mod status;
pub mod webhook;
