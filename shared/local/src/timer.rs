//! Wakes pipelines when time alone makes something due: expiries, time-outs, what is to be sent again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use penstock_app::port::clock::Clock;
use penstock_app::sweep::Sweep;
use penstock_model::id::PipelineName;
use penstock_model::time::Timestamp;

use crate::database::Database;

/// The clock is looked at again after this long: it may be set, and a laptop sleeps.
const LONGEST: Duration = Duration::from_secs(30);
/// Between two looks, whatever is due; and the first pause of a pipeline in which something stays due.
const SHORTEST: Duration = Duration::from_millis(200);

/// Wakes until it is dropped.
pub(crate) async fn run(database: Arc<Database>, sweep: Sweep, clock: Arc<dyn Clock>) {
    let mut landed = database.landed();
    let mut timer = Timer { database, sweep, clock, pausing: HashMap::new() };
    loop {
        let until = timer.next();
        if until.is_zero() {
            timer.wake().await;
            tokio::time::sleep(SHORTEST).await;
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(until) => {}
            changed = landed.changed() => if changed.is_err() { return },
        }
    }
}

struct Timer {
    database: Arc<Database>,
    sweep: Sweep,
    clock: Arc<dyn Clock>,
    /// The pipelines in which something stayed due when they were woken, because that failed for instance.
    pausing: HashMap<PipelineName, Pause>,
}

struct Pause {
    length: Duration,
    until: Timestamp,
}

impl Timer {
    /// How long nothing is to be done, as far as is known.
    fn next(&self) -> Duration {
        let now = self.clock.now();
        let due = self.database.next_due(|pipeline| !self.pausing.contains_key(pipeline));
        let pauses = self.pausing.values().map(|pause| pause.until);
        due.into_iter().chain(pauses).min().map_or(LONGEST, |at| at.since(now).min(LONGEST))
    }

    /// Wakes the pipelines in which something is due. One that stays due is woken again after longer and longer pauses,
    /// and keeps no other waiting.
    async fn wake(&mut self) {
        let now = self.clock.now();
        let due = self.database.due_pipelines(now);
        self.pausing.retain(|pipeline, _| due.contains(pipeline));
        for pipeline in due {
            if self.pausing.get(&pipeline).is_some_and(|pause| pause.until > now) {
                continue;
            }
            let versions = self.database.open_versions(&pipeline);
            match self.sweep.wake(&pipeline).await {
                // What was to go on has gone on, or need not any more.
                Ok(()) => self.database.count_anew(&pipeline, &versions),
                Err(error) => tracing::warn!(%pipeline, "waking it failed and is tried again: {error}"),
            }
            if self.database.next_due(|other| *other == pipeline).is_none_or(|at| at > now) {
                self.pausing.remove(&pipeline);
                continue;
            }
            let length = self.pausing.get(&pipeline).map_or(SHORTEST, |it| (it.length * 2).min(LONGEST));
            self.pausing.insert(pipeline, Pause { length, until: now.plus(length) });
        }
    }
}

#[cfg(test)]
mod tests {
    use penstock_app::control::StartRequest;
    use penstock_app::engine::{is_open, next_due};
    use penstock_app::port::store::{Change, Commit, ItemState, Store};
    use penstock_testkit::build::{approval, name, pipeline, source};
    use penstock_testkit::fake::FakeProvider;
    use penstock_testkit::fault::Faults;
    use penstock_testkit::installation::{Fakes, Installation, Ports};

    use super::*;

    /// An execution that waits for a verdict, which will be asked for no more in a week.
    async fn waiting(folder: &std::path::Path) -> (Installation, Timer) {
        let database = Arc::new(Database::open(&folder.join("penstock.db"), None).unwrap());
        let fakes = Fakes::new(FakeProvider::default());
        let ports = Ports {
            store: database.clone(),
            outputs: database.clone(),
            ..Ports::faulty(&fakes, &Faults::new(0, 0))
        };
        let installation = Installation::wire(fakes, ports);
        let definition = pipeline("web")
            .stage("Source", [source("Fetch", "src")])
            .stage("Release", [approval("Sign-off")])
            .build();
        installation.control.create(definition, "alice").await.unwrap();
        installation.control.start(StartRequest::by(name("web"), "alice")).await.unwrap();
        installation.settle().await;
        let clock: Arc<dyn Clock> = installation.fakes.clock.clone();
        let sweep = Sweep::new(installation.transition.clone(), database.clone(), clock.clone());
        (installation, Timer { database, sweep, clock, pausing: HashMap::new() })
    }

    /// Writes the execution as due at once, as a decision does that stopped at its limit.
    async fn leave_as_due(installation: &Installation, database: &Database) {
        let snapshot = database.load(&name("web"), &[]).await.unwrap();
        let (id, execution) = snapshot.state.executions.iter().next().unwrap();
        let at = installation.fakes.clock.now();
        assert!(is_open(execution) && next_due(execution).is_some_and(|due| due > at));
        let item = ItemState::Execution { execution: execution.clone(), open: true, next_due: Some(at) };
        let expected = snapshot.versions.executions[id];
        let commit = Commit {
            pipeline: name("web"),
            command: "left".parse().unwrap(),
            changes: vec![Change { expected, item, events: vec![] }],
            admission: None,
            definition: None,
            at,
        };
        database.commit(commit).await.unwrap();
    }

    #[tokio::test]
    async fn what_need_not_go_on_any_more_is_woken_once() {
        let folder = tempfile::tempdir().unwrap();
        let (installation, mut timer) = waiting(folder.path()).await;
        assert_eq!(timer.next(), LONGEST);
        leave_as_due(&installation, &timer.database).await;
        assert_eq!(timer.next(), Duration::ZERO);
        timer.wake().await;
        assert_eq!(timer.next(), LONGEST, "only its expiry is due, in a week");
        timer.database.close().await;
        let reopened = Database::open(&folder.path().join("penstock.db"), None).unwrap();
        assert!(reopened.next_due(|_| true).is_some(), "a server that starts again looks once more");
    }

    #[tokio::test]
    async fn what_was_committed_while_it_was_woken_goes_on_when_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let (installation, timer) = waiting(folder.path()).await;
        let versions = timer.database.open_versions(&name("web"));
        leave_as_due(&installation, &timer.database).await;
        timer.database.count_anew(&name("web"), &versions);
        assert_eq!(timer.next(), Duration::ZERO);
    }

    #[tokio::test]
    async fn what_cannot_be_woken_is_woken_more_and_more_rarely() {
        let folder = tempfile::tempdir().unwrap();
        let (installation, mut timer) = waiting(folder.path()).await;
        let clock = installation.fakes.clock.clone();
        clock.advance(Duration::from_secs(8 * 24 * 3600));
        timer.database.close().await;
        let mut pauses = vec![];
        for _ in 0..10 {
            assert_eq!(timer.next(), Duration::ZERO);
            timer.wake().await;
            pauses.push(timer.next().as_millis());
            clock.advance(timer.next());
        }
        assert_eq!(pauses, [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
    }
}
