//! The one thread that writes: whatever waits goes into one transaction with one synchronisation of the disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use penstock_app::port::PortError;
use penstock_app::port::store::CommitError;
use penstock_model::id::AttemptId;
use rusqlite::{Connection, params};
use tokio::sync::{oneshot, watch};

use super::DatabaseError;
use super::cache::Cache;
use super::carried::{self, Carried, Settler};
use super::outputs::Fresh;
use super::schema;
use super::transaction::{Landed, Transaction};

/// The most that goes into one transaction.
const MAX_GROUP: usize = 256;
/// What need not be durable at once is written after so long without a commit that takes it along.
const IDLE: Duration = Duration::from_millis(50);
/// After so many commits a quiet moment is used to move the log into the database: before it outgrows what is reserved,
/// because a file that grows takes longer to synchronise...
const CHECKPOINT_AFTER: u32 = 32;
/// ...where so long without a request is quiet...
const QUIET: Duration = Duration::from_millis(10);
/// ...and after so many it is done in any case.
const CHECKPOINT_AT: u32 = 1000;

/// What is asked of the thread.
pub(super) enum Request {
    /// A transition; answered once it is durable.
    Commit(Box<Transaction>, oneshot::Sender<Result<(), CommitError>>),
    /// Output variables: durable no later than the next commit.
    Outputs(AttemptId, Arc<BTreeMap<String, String>>),
    /// Where a reader of records stands: durable no later than the next commit.
    Cursor(&'static str, u64),
    /// The content of an object whose file is not on the disk yet: durable no later than the next commit.
    Carry(Carried),
    /// What could not be decided.
    Quarantine(String, String, oneshot::Sender<Result<(), PortError>>),
    /// Write what is left and end.
    Close(oneshot::Sender<()>),
}

/// A commit and whom to tell.
type Waiting = (Box<Transaction>, oneshot::Sender<Result<(), CommitError>>);

/// The thread's state.
struct Writer {
    connection: Connection,
    cache: Arc<Cache>,
    fresh: Arc<Fresh>,
    settler: Arc<Settler>,
    landed: watch::Sender<u64>,
    /// Requests that need not be durable at once.
    riders: Vec<Request>,
    since_checkpoint: u32,
    /// Nobody else may write before this thread has ended.
    _lock: Option<Arc<File>>,
}

/// Starts the thread. `landed` counts commits.
pub(super) fn start(
    connection: Connection,
    cache: Arc<Cache>,
    fresh: Arc<Fresh>,
    settler: Arc<Settler>,
    landed: watch::Sender<u64>,
    lock: Option<Arc<File>>,
) -> Result<Sender<Request>, DatabaseError> {
    let (sender, receiver) = channel();
    let mut writer = Writer {
        connection,
        cache,
        fresh,
        settler,
        landed,
        riders: vec![],
        since_checkpoint: 0,
        _lock: lock,
    };
    std::thread::Builder::new().name("database".into()).spawn(move || writer.serve(&receiver))?;
    Ok(sender)
}

impl Writer {
    fn serve(&mut self, receiver: &Receiver<Request>) {
        loop {
            let first = match self.patience() {
                Some(patience) => receiver.recv_timeout(patience),
                None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let mut group = vec![];
            match first {
                Ok(request) => group.push(request),
                Err(RecvTimeoutError::Timeout) => {
                    self.rest();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return self.rest(),
            }
            while group.len() < MAX_GROUP
                && let Ok(request) = receiver.try_recv()
            {
                group.push(request);
            }
            if let Some(closed) = self.take(group) {
                self.rest();
                // Whoever closes may have gone away.
                let _ = closed.send(());
                return;
            }
        }
    }

    /// How long to wait for a request before something else is done; for ever if there is nothing else.
    fn patience(&self) -> Option<Duration> {
        if self.since_checkpoint >= CHECKPOINT_AFTER {
            return Some(QUIET);
        }
        (!self.riders.is_empty()).then_some(IDLE)
    }

    /// Carries out a group of requests; returns whom to tell when the thread is to end.
    fn take(&mut self, group: Vec<Request>) -> Option<oneshot::Sender<()>> {
        let mut commits = vec![];
        let mut closed = None;
        for request in group {
            match request {
                Request::Commit(transaction, answer) => commits.push((transaction, answer)),
                rider @ (Request::Outputs(..) | Request::Cursor(..) | Request::Carry(_)) => {
                    self.riders.push(rider);
                }
                Request::Quarantine(what, reason, answer) => {
                    drop(answer.send(self.quarantine(&what, &reason)));
                }
                Request::Close(answer) => closed = Some(answer),
            }
        }
        if !commits.is_empty() {
            self.commit(commits);
        }
        closed
    }

    /// All of `commits` in one transaction, each in a savepoint of its own, then one answer to each.
    fn commit(&mut self, commits: Vec<Waiting>) {
        let landed = self.write(commits.iter().map(|(transaction, _)| &**transaction));
        match landed {
            Ok(landed) => {
                for ((transaction, answer), landed) in commits.into_iter().zip(landed) {
                    let said = match landed {
                        Landed::Written => {
                            self.cache.committed(transaction.commit);
                            Ok(())
                        }
                        Landed::Before => Ok(()),
                        Landed::Conflict => Err(CommitError::Conflict),
                    };
                    // A caller that has gone away learns of it from the state.
                    let _ = answer.send(said);
                }
                self.ridden();
                self.landed.send_modify(|count| *count += 1);
            }
            Err(error) => {
                let error = PortError::from(self.placed(error));
                for (_, answer) in commits {
                    let _ = answer.send(Err(CommitError::Port(error.clone())));
                }
            }
        }
        if self.since_checkpoint >= CHECKPOINT_AT {
            self.checkpoint();
        }
    }

    fn write<'a>(
        &mut self,
        transactions: impl Iterator<Item = &'a Transaction>,
    ) -> Result<Vec<Landed>, DatabaseError> {
        self.execute("BEGIN IMMEDIATE")?;
        // What is not dropped because this fails, the next start drops.
        let settled = self.settler.settled();
        let written = carried::delete(&self.connection, &settled)
            .and_then(|()| self.riders())
            .and_then(|()| transactions.map(|transaction| self.one(transaction)).collect());
        let landed = match written.and_then(|landed: Vec<Landed>| self.execute("COMMIT").map(|()| landed)) {
            Ok(landed) => landed,
            Err(error) => {
                if !self.connection.is_autocommit() {
                    self.execute("ROLLBACK")?;
                }
                return Err(error);
            }
        };
        self.since_checkpoint += 1;
        Ok(landed)
    }

    /// What rode along is durable. Nobody waits to hear of it, so whoever does hears first.
    fn ridden(&mut self) {
        for rider in self.riders.drain(..) {
            match rider {
                Request::Outputs(attempt, _) => self.fresh.landed(&attempt),
                Request::Carry(carried) => self.settler.settle(carried),
                Request::Cursor(..) | Request::Commit(..) | Request::Quarantine(..) | Request::Close(_) => {}
            }
        }
    }

    fn one(&self, transaction: &Transaction) -> Result<Landed, DatabaseError> {
        self.execute("SAVEPOINT one")?;
        let landed = transaction.carry_out(&self.connection)?;
        if landed == Landed::Conflict {
            self.execute("ROLLBACK TO one")?;
        }
        self.execute("RELEASE one")?;
        if landed == Landed::Conflict && transaction.stands(&self.connection)? {
            return Ok(Landed::Before);
        }
        Ok(landed)
    }

    fn riders(&self) -> Result<(), DatabaseError> {
        for rider in &self.riders {
            match rider {
                Request::Outputs(attempt, variables) => {
                    let text = serde_json::to_string(&**variables)
                        .map_err(|error| DatabaseError::Damaged(error.to_string()))?;
                    let mut insert =
                        self.connection.prepare_cached("INSERT OR REPLACE INTO outputs VALUES (?1, ?2)")?;
                    insert.execute([attempt.to_string(), text])?;
                }
                Request::Cursor(name, number) => {
                    let mut insert =
                        self.connection.prepare_cached("INSERT OR REPLACE INTO cursors VALUES (?1, ?2)")?;
                    insert.execute(params![name, number])?;
                }
                Request::Carry(carried) => carried::insert(&self.connection, carried)?,
                Request::Commit(..) | Request::Quarantine(..) | Request::Close(_) => {}
            }
        }
        Ok(())
    }

    fn quarantine(&self, what: &str, reason: &str) -> Result<(), PortError> {
        let insert = self.connection.execute("INSERT INTO quarantine VALUES (?1, ?2)", [what, reason]);
        insert.map(|_| ()).map_err(|error| self.placed(error.into()).into())
    }

    /// A full disk is told with its folder.
    fn placed(&self, error: DatabaseError) -> DatabaseError {
        match self.connection.path() {
            Some(path) => error.at(Path::new(path)),
            None => error,
        }
    }

    /// What is left for quiet moments.
    fn rest(&mut self) {
        if !self.riders.is_empty() {
            match self.write(std::iter::empty()) {
                Ok(_) => self.ridden(),
                Err(error) => {
                    let error = self.placed(error);
                    tracing::warn!("writing output variables failed and is tried again: {error}");
                }
            }
        }
        if self.since_checkpoint >= CHECKPOINT_AFTER {
            self.checkpoint();
        }
    }

    fn checkpoint(&mut self) {
        self.since_checkpoint = 0;
        if let Err(error) = schema::checkpoint(&self.connection) {
            tracing::warn!("moving the database's log failed and is tried again: {error}");
        }
    }

    fn execute(&self, statement: &str) -> Result<(), DatabaseError> {
        self.connection.prepare_cached(statement)?.execute([])?;
        Ok(())
    }
}
