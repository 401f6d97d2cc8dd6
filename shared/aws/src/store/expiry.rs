//! When TTL may remove an item. Nothing relies on it, so the clock of this machine is good enough.

use std::time::Duration;

use penstock_app::port::clock::{Clock, SystemClock};
use penstock_model::time::Timestamp;

/// Now, by the clock of this machine.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// `kept` after `from`, in seconds as TTL takes it.
pub(crate) fn expires_at(from: Timestamp, kept: Duration) -> i64 {
    from.plus(kept).0 / 1000
}
