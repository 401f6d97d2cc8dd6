//! GitHub: signatures, payloads, archive download, commit statuses.

pub mod api;
mod archive;
pub mod payload;
pub mod signature;
pub mod source;
pub mod status;
pub mod webhook;
