//! Makes a port fail as a seed has it: before the call, or after it, which is an acknowledgement that got lost.
//!
//! Each call also gives way twice, before and after, so that a test that polls it by hand can let it crash there.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use penstock_app::port::PortError;

use crate::dice::Dice;

mod provider;
mod store;
mod work;

/// When and how calls fail.
#[derive(Debug)]
pub struct Faults {
    dice: Mutex<Dice>,
    percent: AtomicU32,
}

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It fails and has done nothing.
    Before,
    /// It has done everything and fails: the acknowledgement is lost.
    After,
}

impl Faults {
    /// `percent` of a hundred calls fail, half of them after the fact.
    pub fn new(seed: u64, percent: u32) -> Arc<Self> {
        Arc::new(Self {
            dice: Mutex::new(Dice::new(seed)),
            percent: AtomicU32::new(percent),
        })
    }

    /// Changes how often calls fail; 0 ends all faults.
    pub fn set(&self, percent: u32) {
        self.percent.store(percent, Ordering::Relaxed);
    }

    fn draw(&self) -> Fault {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        match (dice.chance(self.percent.load(Ordering::Relaxed)), dice.chance(50)) {
            (false, _) => Fault::None,
            (true, false) => Fault::Before,
            (true, true) => Fault::After,
        }
    }

    async fn around<T, E: From<PortError>>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        tokio::task::yield_now().await;
        let fault = self.draw();
        let failed = || E::from(PortError::transient(format!("{what}: the seed has it fail")));
        if fault == Fault::Before {
            return Err(failed());
        }
        let result = call.await;
        tokio::task::yield_now().await;
        if fault == Fault::After {
            result.and_then(|_| Err(failed()))
        } else {
            result
        }
    }
}

/// A port that fails as `faults` has it.
pub struct Faulty<T: ?Sized> {
    inner: Arc<T>,
    faults: Arc<Faults>,
}

impl<T: ?Sized> Faulty<T> {
    /// `inner` with `faults`.
    pub fn new(inner: Arc<T>, faults: &Arc<Faults>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            faults: faults.clone(),
        })
    }
}
