//! GitHub: signatures, payloads, archive download.

pub mod api;
mod archive;
pub mod payload;
pub mod signature;
pub mod source;
pub mod webhook;
