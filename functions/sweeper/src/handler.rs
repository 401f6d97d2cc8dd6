//! Wakes the pipelines in which something is due and measures how long it has been; then, from time to time, what can
//! wait: lost pushes are looked for, and the artifact bucket is cleaned up.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join;
use lambda_runtime::Error;
use penstock_app::clean_up::CleanUp;
use penstock_app::port::clock::Clock;
use penstock_app::port::queue::{Message, Queue};
use penstock_app::reconcile::{Reconciliation, Share};
use penstock_app::sweep::wake_up;
use penstock_aws::dead_letters::DeadLetters;
use penstock_aws::schedule;
use penstock_aws::store::TableStore;
use penstock_aws::telemetry::{Metrics, Unit};
use penstock_model::time::Timestamp;
use serde::Deserialize;

/// How often dead letters are given another try.
const REDRIVE_MINUTES: i64 = 60;
/// In how many parts of an hour branch heads are compared with what was admitted, each pipeline's in one of them.
const RECONCILIATIONS: u64 = 12;
/// For how long each of what can wait may take; the function's timeout has room for both.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a sweep is asked for: by the schedule with its time, by a person for something besides.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// For which time it was scheduled.
    pub(crate) time: Option<String>,
    /// To look for lost pushes now.
    pub(crate) reconcile: bool,
}

impl Asked {
    /// The time by which it is this sweep's turn to do what is done once in a while. By the clock, one that begins a minute late
    /// would leave its own minute out, and do the next one's work a second time.
    fn turn(&self, now: Timestamp) -> Timestamp {
        self.time.as_deref().and_then(schedule::time).unwrap_or(now)
    }
}

/// Sweeps.
pub(crate) struct Handler {
    pub(crate) store: Arc<TableStore>,
    pub(crate) queue: Arc<dyn Queue>,
    /// Those that go back to where they came from.
    pub(crate) dead_letters: DeadLetters,
    /// Those that are left to people.
    pub(crate) other_letters: DeadLetters,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) reconciliation: Reconciliation,
    pub(crate) clean_up: CleanUp,
}

impl Handler {
    /// One sweep. Waking goes first: nothing that follows can keep it.
    pub(crate) async fn sweep(&self, asked: Asked) -> Result<(), Error> {
        let now = self.clock.now();
        let turn = asked.turn(now);
        let due = self.store.due_since(now).await?;
        let wake_ups = due.iter().map(|(pipeline, _)| {
            tracing::info!(%pipeline, "wakes");
            Ok(Message::Command { command: wake_up(pipeline, now)? })
        });
        self.queue.send(wake_ups.collect::<Result<_, Error>>()?).await?;
        let oldest = due.iter().map(|(_, since)| *since).min();
        let dead = self.dead_letters(turn).await;
        measures(now, oldest, dead).emit();
        let everything = asked.reconcile.then_some(Share { part: 0, parts: 1, turn: 0 });
        if let Some(share) = everything.or_else(|| share(turn)) {
            let is_done = in_time("comparing branches", self.reconcile(share)).await;
            if !is_done {
                self.count_failure();
            }
        }
        // It goes on after its last page, so that it is not done yet is no failure.
        in_time("cleaning up", self.clean_up()).await;
        Ok(())
    }

    /// What fails is tried again an hour later.
    async fn reconcile(&self, share: Share) {
        match self.reconciliation.run(share).await {
            Ok(found) => {
                for (pipeline, commit) in found.started {
                    tracing::warn!(%pipeline, commit, "starts with a commit of which no webhook came");
                }
                for (pipeline, error) in found.failed {
                    tracing::warn!(%pipeline, %error, "a branch could not be compared");
                    self.count_failure();
                }
                for (pipeline, why) in found.left {
                    tracing::warn!(%pipeline, why, "a branch was not compared; the next hour's sweep looks again");
                }
                for (repository, count) in found.redelivered {
                    tracing::warn!(repository, count, "deliveries that had failed are made again");
                }
                for (repository, error) in found.unredelivered {
                    tracing::warn!(repository, %error, "failed deliveries could not be made again");
                    self.count_failure();
                }
            }
            Err(error) => {
                tracing::error!(%error, "branches were not compared");
                self.count_failure();
            }
        }
    }

    /// What fails is tried again by the next sweep.
    async fn clean_up(&self) {
        match self.clean_up.run().await {
            Ok(Some(cleaned)) => {
                tracing::info!(
                    seen = cleaned.seen,
                    given_up = cleaned.given_up,
                    released = cleaned.released.len(),
                    complete = cleaned.complete,
                    "cleaned up"
                );
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "the artifact bucket was not cleaned up");
                self.count_failure();
            }
        }
    }

    /// How many dead letters there are; from time to time they are given another try.
    async fn dead_letters(&self, turn: Timestamp) -> Option<u64> {
        let depths = try_join(self.dead_letters.depth(), self.other_letters.depth()).await;
        let (depth, other) = match depths {
            Ok(depths) => depths,
            Err(error) => {
                tracing::error!(%error, "dead letters were not counted");
                self.count_failure();
                return None;
            }
        };
        if depth > 0 && (turn.0 / 60_000) % REDRIVE_MINUTES == 0 {
            match self.dead_letters.redrive().await {
                Ok(()) => tracing::warn!(depth, "dead letters are given another try"),
                Err(error) => {
                    tracing::error!(%error, depth, "dead letters were not redriven");
                    self.count_failure();
                }
            }
        }
        Some(depth + other)
    }

    /// To Lambda a sweep that leaves something to another is none that failed, so an alarm of its own watches this.
    fn count_failure(&self) {
        Metrics::new(self.clock.now().0).with("SweepFailures", Unit::Count, 1.0).emit();
    }
}

/// Whether it was done in time. What takes longer is left: it is gone about again.
async fn in_time(what: &str, work: impl Future<Output = ()>) -> bool {
    let is_done = tokio::time::timeout(PATIENCE, work).await.is_ok();
    if !is_done {
        tracing::warn!(what, "took too long and was left for another sweep");
    }
    is_done
}

/// The pipelines whose branches are compared in this minute: not on the hour, when everybody asks.
fn share(turn: Timestamp) -> Option<Share> {
    let minute = u64::try_from(turn.0).ok()? / 60_000;
    let every = 60 / RECONCILIATIONS;
    (minute % every == 3).then_some(Share {
        part: minute % 60 / every,
        parts: RECONCILIATIONS,
        turn: minute / 60,
    })
}

#[expect(clippy::cast_precision_loss, reason = "ages and depths are far below 2^52")]
fn measures(now: Timestamp, oldest: Option<Timestamp>, dead: Option<u64>) -> Metrics {
    let age = oldest.map_or(0, |since| (now.0 - since.0).max(0) / 1000);
    let mut metrics = Metrics::new(now.0).with("OldestDebtAge", Unit::Seconds, age as f64);
    if let Some(dead) = dead {
        metrics = metrics.with("DeadLetters", Unit::Count, dead as f64);
    }
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_debt_and_the_dead_letters_are_measured_each_minute() {
        let (now, since) = (Timestamp(1_700_000_090_000), Timestamp(1_700_000_000_000));
        let line = measures(now, Some(since), Some(3)).line();
        assert!(line["OldestDebtAge"] == 90.0 && line["DeadLetters"] == 3.0, "{line}");
        let line = measures(now, None, None).line();
        assert!(line["OldestDebtAge"] == 0.0 && line.get("DeadLetters").is_none(), "{line}");
    }

    #[test]
    fn a_late_sweep_has_the_turn_of_its_own_minute() {
        let asked = |input: &str| serde_json::from_str::<Asked>(input).unwrap();
        // 2023-11-14T22:13:20Z
        let late = Timestamp(1_700_000_000_000).plus(Duration::from_secs(50));
        let turn = asked(r#"{"time":"2023-11-14T22:13:20Z"}"#).turn(late);
        assert_eq!(turn, Timestamp(1_700_000_000_000));
        assert_eq!(share(turn).map(|share| share.part), Some(2), "13 minutes past");
        assert_eq!(share(late), None, "14 minutes past");
        for unknown in [
            "{}",
            r#"{"time":null}"#,
            r#"{"time":"<aws.scheduler.scheduled-time>"}"#,
            r#"{"reconcile":true}"#,
        ] {
            assert_eq!(asked(unknown).turn(late), late, "{unknown}");
        }
    }

    #[test]
    fn every_part_has_its_turn_once_an_hour() {
        let hour: Vec<Share> = (0..60).filter_map(|minute| share(Timestamp(minute * 60_000 + 999))).collect();
        let parts: Vec<u64> = hour.iter().map(|share| share.part).collect();
        assert_eq!(parts, (0..RECONCILIATIONS).collect::<Vec<_>>());
        assert_eq!(share(Timestamp(63 * 60_000)).map(|share| share.turn), Some(1));
    }
}
