//! Small objects on their way to the disk: their content is durable with the commit that tells of them, so that no
//! execution waits until a new file is. The file is synchronised in a quiet moment, and only then the content dropped.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use penstock_app::port::PortError;
use rusqlite::{Connection, params};

use super::writer::Request;
use super::{Database, DatabaseError};

/// So long files gather before they are synchronised: by then the system has written most of them by itself...
const GATHER: Duration = Duration::from_secs(30);
/// ...or until they are so many: each start looks at what is left.
const MOST_WAITING: usize = 64;

/// An object whose file has been written but may not be on the disk.
#[derive(Debug)]
pub struct Carried {
    number: u64,
    /// The digest of the content.
    pub sha256: String,
    /// The whole file.
    pub content: Vec<u8>,
    /// Where the file lies.
    pub place: PathBuf,
}

/// Synchronises files in a thread of its own, which is started when there is something to do.
#[derive(Debug, Default)]
pub(super) struct Settler {
    next_number: AtomicU64,
    waiting: Mutex<Option<Sender<Unsettled>>>,
    settled: std::sync::Arc<Mutex<Vec<u64>>>,
}

/// A file to be synchronised.
struct Unsettled {
    number: u64,
    place: PathBuf,
}

impl Settler {
    /// Numbers go on above those that are in the database.
    pub(super) fn above(highest: u64) -> Self {
        Self { next_number: AtomicU64::new(highest + 1), ..Self::default() }
    }

    /// The file at `carried` has its content in the database: it is synchronised before long.
    pub(super) fn settle(&self, carried: Carried) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let unsettled = Unsettled { number: carried.number, place: carried.place };
        let Err(unsettled) = (match &*waiting {
            Some(sender) => sender.send(unsettled).map_err(|refused| refused.0),
            None => Err(unsettled),
        }) else {
            return;
        };
        let ((sender, receiver), settled) = (channel(), self.settled.clone());
        let started =
            std::thread::Builder::new().name("settler".into()).spawn(move || settle_all(&receiver, &settled));
        if let Err(error) = started {
            tracing::warn!("artifacts stay in the database until the next start: {error}");
            return;
        }
        // The thread has just been given the other end.
        let _ = sender.send(unsettled);
        *waiting = Some(sender);
    }

    /// Takes the numbers of files that are on the disk.
    pub(super) fn settled(&self) -> Vec<u64> {
        std::mem::take(&mut *self.settled.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }
}

/// Until the database is closed. What is left then is settled after the next start.
fn settle_all(waiting: &Receiver<Unsettled>, settled: &Mutex<Vec<u64>>) {
    while let Ok(first) = waiting.recv() {
        let deadline = Instant::now() + GATHER;
        let mut batch = vec![first];
        while batch.len() < MOST_WAITING {
            match waiting.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(next) => batch.push(next),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        let numbers = synchronise(&batch);
        settled.lock().unwrap_or_else(PoisonError::into_inner).extend(numbers);
    }
}

/// The files, their names, and the names of their folders. Returns the numbers of those that are on the disk; the others
/// stay in the database, and the next start brings back what is missing.
fn synchronise(files: &[Unsettled]) -> Vec<u64> {
    let mut folders: BTreeMap<&Path, bool> = BTreeMap::new();
    let mut settled = vec![];
    for file in files {
        let mut is_settled = is_synchronised(&file.place);
        for folder in file.place.ancestors().skip(1).take(2) {
            // All these files had their names before any of them came here.
            is_settled &= *folders.entry(folder).or_insert_with(|| is_synchronised(folder));
        }
        if is_settled {
            settled.push(file.number);
        }
    }
    settled
}

fn is_synchronised(path: &Path) -> bool {
    let synchronised = File::open(path).and_then(|file| file.sync_all());
    if let Err(error) = &synchronised {
        tracing::warn!("{} stays in the database until the next start: {error}", path.display());
    }
    synchronised.is_ok()
}

/// Writes an object's content.
pub(super) fn insert(connection: &Connection, carried: &Carried) -> Result<(), DatabaseError> {
    let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO carried VALUES (?1, ?2, ?3)")?;
    insert.execute(params![carried.number, carried.sha256, carried.content])?;
    Ok(())
}

/// Drops the content of objects whose files are on the disk.
pub(super) fn delete(connection: &Connection, numbers: &[u64]) -> Result<(), DatabaseError> {
    let mut delete = connection.prepare_cached("DELETE FROM carried WHERE number = ?1")?;
    for number in numbers {
        delete.execute([number])?;
    }
    Ok(())
}

/// The highest number in use.
pub(super) fn highest(connection: &Connection) -> Result<u64, DatabaseError> {
    Ok(connection.query_row("SELECT coalesce(max(number), 0) FROM carried", [], |row| row.get(0))?)
}

impl Database {
    /// Keeps `content`, which has been written to `place`, until the file is on the disk: durable no later than the
    /// next commit.
    ///
    /// # Errors
    /// If the database is closed.
    pub fn carry(&self, sha256: &str, content: Vec<u8>, place: PathBuf) -> Result<(), PortError> {
        let number = self.settler.number();
        self.ask(Request::Carry(Carried { number, sha256: sha256.to_owned(), content, place }))
    }

    /// What an earlier server carried and did not settle; `place` says where an object lies.
    ///
    /// # Errors
    /// As reading the database gives them.
    pub fn carried(&self, place: impl Fn(&str) -> PathBuf) -> Result<Vec<Carried>, PortError> {
        self.item(|connection| {
            let mut find = connection.prepare("SELECT number, sha256, content FROM carried")?;
            let rows = find.query_map([], |row| {
                let sha256: String = row.get(1)?;
                Ok(Carried { number: row.get(0)?, place: place(&sha256), sha256, content: row.get(2)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The file of `carried` is there again, and is to be synchronised.
    pub fn settle(&self, carried: Carried) {
        self.settler.settle(carried);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_files_are_synchronised_at_once_and_one_that_is_gone_holds_up_no_other() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("ab")).unwrap();
        let (sender, receiver) = channel();
        for number in 0..MOST_WAITING as u64 {
            let place = folder.path().join("ab").join(number.to_string());
            if number != 5 {
                std::fs::write(&place, "zip").unwrap();
            }
            sender.send(Unsettled { number, place }).unwrap();
        }
        drop(sender);
        let settled = Mutex::default();
        settle_all(&receiver, &settled);
        let settled = settled.into_inner().unwrap();
        assert_eq!(settled.len(), MOST_WAITING - 1);
        assert!(!settled.contains(&5), "what is gone stays in the database");
    }
}
