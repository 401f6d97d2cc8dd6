//! What the state owes the outside. The state is the outbox; this only reads it.

use penstock_model::id::AttemptId;
use serde::{Deserialize, Serialize};

/// Something owed to the outside, as a function of the state alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type")]
pub enum Debt {
    /// An attempt is scheduled and not started.
    Dispatch {
        /// The attempt.
        attempt: AttemptId,
    },
    /// A cancellation is not confirmed.
    Cancel {
        /// The attempt.
        attempt: AttemptId,
    },
    /// An observation at the provider is due.
    Observe {
        /// The attempt.
        attempt: AttemptId,
    },
    /// `decide` stopped at its limit of changed items; a wake-up goes on.
    GoOn,
}
