//! Queues, artifacts, logs, secrets and messages against the emulator, whole and with every fault at every call.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../connector/mod.rs"]
mod connector;

mod access;
mod artifacts;
mod attempt_log;
mod bucket;
mod clean_up;
mod dead_letters;
mod event_bus;
mod handover;
mod multipart;
mod parameters;
mod partial;
mod patience;
mod queue;
mod secrets;
mod subscriptions;
mod table;
mod topics;
mod untold;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use penstock_testkit::emulator::{Emulator, MiniStack};

use connector::Faults;

static EMULATOR: LazyLock<Emulator> = LazyLock::new(|| MiniStack::new().auth(true).start());

fn faults() -> Faults {
    Faults::over(&EMULATOR.url())
}

/// A name that nothing else of this run has.
fn fresh(kind: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{kind}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
