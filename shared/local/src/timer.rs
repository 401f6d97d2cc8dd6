//! Wakes pipelines when time alone makes something due: expiries, time-outs, what is to be sent again.

use std::sync::Arc;
use std::time::Duration;

use penstock_app::port::clock::Clock;
use penstock_app::sweep::Sweep;

use crate::database::Database;

/// The clock is looked at again after this long: it may be set, and a laptop sleeps.
const LONGEST: Duration = Duration::from_secs(30);
/// Between two sweeps, whatever is due.
const SHORTEST: Duration = Duration::from_millis(200);

/// Wakes until it is dropped.
pub(crate) async fn run(database: Arc<Database>, sweep: Sweep, clock: Arc<dyn Clock>) {
    let mut landed = database.landed();
    loop {
        let until = database.next_due().map_or(LONGEST, |due| due.since(clock.now()).min(LONGEST));
        if until.is_zero() {
            match sweep.run(false).await {
                Ok(swept) => {
                    for (pipeline, error) in swept.failed {
                        tracing::warn!(%pipeline, "waking it failed and is tried again: {error}");
                    }
                }
                Err(error) => tracing::warn!("waking pipelines failed and is tried again: {error}"),
            }
            tokio::time::sleep(SHORTEST).await;
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(until) => {}
            changed = landed.changed() => if changed.is_err() { return },
        }
    }
}
