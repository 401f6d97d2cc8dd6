//! Use cases and the ports they need. The only writer of state is [`transition`]; people are told from its records.

pub mod admission;
pub mod approvals;
pub mod base_url;
pub mod clean_up;
mod command_id;
pub mod control;
pub mod delivery;
pub mod dispatch;
pub mod error;
pub mod jobs;
pub mod notify;
pub mod partition;
pub mod port;
pub mod query;
pub mod reach;
pub mod reconcile;
pub mod reports;
pub mod sweep;
pub mod transition;
pub mod view;
pub mod worker;

/// The engine's words (state, events, debts, rejections), for adapters and faces, which import it only through here.
pub use penstock_engine as engine;
