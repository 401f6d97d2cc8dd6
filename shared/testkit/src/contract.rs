//! What adapters of a port have to do, one suite for each port here: run over the real ones and the fakes alike.
//!
//! Each suite makes a fresh, empty adapter for each of its cases and panics at the first that is broken.

mod approvers;
mod artifacts;
mod claims;
mod logs;
mod notifier;
mod outputs;
mod queue;
mod revisions;
mod secrets;
mod store;
mod walks;

pub use approvers::approvers_contract;
pub use artifacts::artifacts_contract;
pub use claims::claims_contract;
pub use logs::logs_contract;
pub use notifier::notifier_contract;
pub use outputs::outputs_contract;
pub use queue::queue_contract;
pub use revisions::revisions_contract;
pub use secrets::secrets_contract;
pub use store::store_contract;
pub use walks::walks_contract;

use penstock_model::id::AttemptId;

use crate::build::name;

/// The `number`th try of an action.
fn attempt(number: u32) -> AttemptId {
    name(&format!("2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Build/Compile/{number}"))
}
