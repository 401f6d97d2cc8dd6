//! Makes a port fail as a seed has it: before the call, or after it, which is an acknowledgement that got lost.
//!
//! Each call also gives way twice, before and after, so that a test that polls it by hand can let it crash there.

use std::future::Future;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use penstock_app::port::PortError;

use crate::dice::Dice;

mod provider;
mod store;
mod work;

/// When and how calls fail.
#[derive(Debug)]
pub struct Faults {
    plan: Plan,
    calls: AtomicUsize,
}

#[derive(Debug)]
enum Plan {
    /// So many of a hundred.
    Chance { dice: Mutex<Dice>, percent: AtomicU32 },
    /// This one call, counted from 0.
    One { call: usize, fault: Fault },
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
        let plan = Plan::Chance { dice: Mutex::new(Dice::new(seed)), percent: AtomicU32::new(percent) };
        Arc::new(Self { plan, calls: AtomicUsize::new(0) })
    }

    /// Nothing fails but the call with this number, counted from 0, in this way.
    pub fn one(call: usize, fault: Fault) -> Arc<Self> {
        Arc::new(Self { plan: Plan::One { call, fault }, calls: AtomicUsize::new(0) })
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Changes how often calls fail by chance; 0 ends all faults.
    pub fn set(&self, chance: u32) {
        match &self.plan {
            Plan::Chance { percent, .. } => percent.store(chance, Ordering::Relaxed),
            Plan::One { .. } => {}
        }
    }

    fn draw(&self) -> Fault {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        match &self.plan {
            Plan::One { call, fault } if *call == number => *fault,
            Plan::One { .. } => Fault::None,
            Plan::Chance { dice, percent } => {
                let mut dice = dice.lock().unwrap_or_else(PoisonError::into_inner);
                match (dice.chance(percent.load(Ordering::Relaxed)), dice.chance(50)) {
                    (false, _) => Fault::None,
                    (true, false) => Fault::Before,
                    (true, true) => Fault::After,
                }
            }
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
        if fault == Fault::After { result.and_then(|_| Err(failed())) } else { result }
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
        Arc::new(Self { inner, faults: faults.clone() })
    }
}
