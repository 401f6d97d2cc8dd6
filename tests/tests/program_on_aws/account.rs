//! The account in which all tests of this target work, and the stacks in it.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use penstock_testkit::emulator::{Emulator, MiniStack};

use crate::caller::Caller;

/// The account.
pub(crate) static ACCOUNT: LazyLock<Account> = LazyLock::new(Account::start);

/// An emulated account.
pub(crate) struct Account {
    pub(crate) emulator: Emulator,
    /// What a person does in it besides.
    pub(crate) caller: Caller,
}

impl Account {
    fn start() -> Self {
        let emulator = MiniStack::new().start();
        let caller = Caller::start(&emulator.environment());
        Self { emulator, caller }
    }
}

/// A name that nothing else of this run has.
pub(crate) fn fresh(kind: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{kind}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
