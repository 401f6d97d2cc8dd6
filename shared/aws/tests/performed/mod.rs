//! A provider's work from its start to its end while calls fail, as workers perform it one after another.
//!
//! A test target takes it in beside the connector: `#[path = "../performed/mod.rs"] mod performed;`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use penstock_app::engine::state::External;
use penstock_app::port::provider::{Begun, Ending, Observation, Provider, Work};

use crate::connector::Faults;

/// How long anything here may take.
const LONG: Duration = Duration::from_secs(60);

/// Performs `work`; if a fault keeps a worker from it, another takes its claim over, and observes what is known to have
/// begun. `advance` lets what has begun come to its end at the provider, by calls that do not fail.
pub(crate) async fn performed(
    faults: &Faults,
    provider: &dyn Provider,
    work: &Work,
    advance: impl AsyncFn(&External),
) -> Ending {
    let (again, known) = (AtomicBool::new(false), Mutex::new(None));
    let known = || known.lock().unwrap_or_else(PoisonError::into_inner);
    faults
        .until_done(async || {
            let begun: Option<External> = known().clone();
            let external = match begun {
                Some(external) => external,
                None => match provider.start(work, again.swap(true, Ordering::Relaxed)).await? {
                    Begun::Running(external) => external,
                    Begun::Ended(ending) => return Ok(ending),
                },
            };
            *known() = Some(external.clone());
            advance(&external).await;
            let deadline = Instant::now() + LONG;
            loop {
                match provider.observe(work, &external).await? {
                    Observation::Ended(ending) => return Ok(ending),
                    Observation::Gone => panic!("it is gone"),
                    Observation::Running => assert!(Instant::now() < deadline, "it does not end"),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await
}
