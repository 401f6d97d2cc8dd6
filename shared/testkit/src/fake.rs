//! Adapters in memory. They pass the contract suites, show what they hold, and can be set.

mod approvers;
mod artifacts;
mod claims;
mod clock;
mod commands;
mod logs;
mod notifier;
mod outputs;
mod provider;
mod queue;
mod repository;
mod revisions;
mod secrets;
mod store;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use approvers::MemoryApprovers;
pub use artifacts::MemoryArtifacts;
pub use claims::MemoryClaims;
pub use clock::ManualClock;
pub use commands::{LossyCommands, Lost};
pub use logs::MemoryLogs;
pub use notifier::RecordingNotifier;
pub use outputs::MemoryOutputs;
pub use provider::{Conduct, FakeProvider, FakeProviders};
pub use queue::MemoryQueue;
pub use repository::FakeRepository;
pub use revisions::MemoryRevisions;
pub use secrets::MemorySecrets;
pub use store::MemoryStore;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
