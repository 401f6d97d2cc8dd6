//! Use cases and the ports they need.

pub mod port;
pub mod view;

/// The engine's words, for the faces and adapters, which import `app` and not the engine.
pub use penstock_engine as engine;
