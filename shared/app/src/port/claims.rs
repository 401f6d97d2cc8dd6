//! Who works on an attempt: free, claimed until, started, cancelled. A conditional write on the attempt's own item.

use async_trait::async_trait;
use penstock_engine::state::External;
use penstock_model::id::AttemptId;
use penstock_model::time::Timestamp;

use super::PortError;

/// The claims on attempts.
#[async_trait]
pub trait Claims: Send + Sync {
    /// Takes a free attempt, or one whose claim expired before `now`.
    async fn claim(&self, attempt: &AttemptId, now: Timestamp, until: Timestamp) -> Result<Claim, PortError>;

    /// Prolongs a claim that lasts until `held`: its worker still works. Says whether it was still held so.
    async fn renew(&self, attempt: &AttemptId, held: Timestamp, until: Timestamp) -> Result<bool, PortError>;

    /// Records the provider's id of work that began, unless other work was recorded before: whoever comes first counts, as
    /// one who took the claim over may have adopted what another began. On a cancelled attempt it is recorded too, so that
    /// it can be found and ended, but it does not count.
    async fn started(&self, attempt: &AttemptId, external: &External) -> Result<Recorded, PortError>;

    /// Makes an attempt cancelled that is free, or whose claim expired before `now`, so that nobody starts it any more;
    /// says what stood there. One that was ever claimed answers [`Claim::TakenOver`], however often it is asked: its
    /// worker may have begun before it died, so the provider has to be looked at.
    async fn cancel(&self, attempt: &AttemptId, now: Timestamp) -> Result<Claim, PortError>;

    /// What is known of the attempt.
    async fn look(&self, attempt: &AttemptId) -> Result<Standing, PortError>;
}

/// The answer to a claim: what stood there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It was free and is taken (or, for a cancellation, is cancelled now).
    Taken,
    /// A claim of another expired and is taken over (or, for a cancellation, is cancelled now): look at the provider
    /// before starting, and before saying that nothing runs.
    TakenOver,
    /// Somebody works on it.
    Held {
        /// Until when.
        until: Timestamp,
    },
    /// The provider has it.
    Started {
        /// The provider's id.
        external: External,
    },
    /// It was cancelled before it began; to a claim, also after its worker died.
    Cancelled,
}

/// What became of recording a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is the attempt's work.
    Counts,
    /// The attempt had been cancelled, and that may have been confirmed: whoever began the work ends it.
    Cancelled,
    /// Other work was recorded first: whoever began this ends it.
    Other {
        /// The work that counts.
        external: External,
    },
}

/// What is known of an attempt's claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nobody took it.
    Free,
    /// Somebody took it.
    Claimed {
        /// Until when.
        until: Timestamp,
    },
    /// The provider has it.
    Started {
        /// The provider's id.
        external: External,
    },
    /// It was cancelled before it was known to have begun.
    Cancelled,
}
