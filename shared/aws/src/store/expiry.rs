//! When TTL may remove an item. Nothing relies on it, so the clock of this machine is good enough.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use penstock_model::time::Timestamp;

/// Now, by the clock of this machine.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// `kept` after `from`, in seconds as TTL takes it.
pub(crate) fn expires_at(from: Timestamp, kept: Duration) -> i64 {
    from.plus(kept).0 / 1000
}
