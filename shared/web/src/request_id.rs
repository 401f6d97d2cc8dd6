//! Ids of requests, for people who compare an answer with a log.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::HeaderValue;

/// The id of one request, in the form of a UUID. Unique, not secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestId(String);

static SEED: LazyLock<(RandomState, RandomState)> = LazyLock::new(Default::default);
static COUNT: AtomicU64 = AtomicU64::new(0);

impl RequestId {
    /// A new id.
    pub(crate) fn next() -> Self {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let (high, low) = (SEED.0.hash_one(count), SEED.1.hash_one(count));
        Self(format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        ))
    }

    /// The id as a header's value.
    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use penstock_model::id::ExecutionId;

    use super::*;

    #[test]
    fn ids_are_uuids_and_differ() {
        let (one, other) = (RequestId::next(), RequestId::next());
        assert_ne!(one, other);
        assert!(ExecutionId::new(&one.to_string()).is_ok());
    }
}
