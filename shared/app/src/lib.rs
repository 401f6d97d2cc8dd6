//! Use cases and the ports they need.

pub mod port;
pub mod view;
