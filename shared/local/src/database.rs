//! The state in SQLite: `penstock.db`, written by one thread with one synchronisation of the disk for all that waits.
//!
//! A transition's commit is durable (`synchronous = FULL`) before it is acknowledged. Output variables and cursors are
//! written in order with the commits and are durable no later than the next one.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use penstock_app::port::PortError;
use penstock_model::id::PipelineName;
use penstock_model::time::Timestamp;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::{oneshot, watch};

mod cache;
mod carried;
mod outputs;
mod read;
mod records;
mod schema;
mod store;
mod transaction;
mod writer;

pub use carried::Carried;
pub use records::Numbered;

use cache::{Cache, OpenVersions};
use carried::Settler;
use outputs::Fresh;
use writer::Request;

/// Why the database could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// SQLite failed.
    #[error("the database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The disk is full.
    #[error("{} cannot be written, there is no room on its disk; {}", path.display(), crate::room::way_out(path.parent().unwrap_or(path)))]
    Full {
        /// The database.
        path: PathBuf,
    },
    /// The system failed.
    #[error("the database's thread could not be started: {0}")]
    Io(#[from] std::io::Error),
    /// It is no database, or is damaged.
    #[error(
        "{} cannot be used: {reason}; if it is damaged, move it away (what it knows of pipelines and executions goes with it) and start again",
        path.display()
    )]
    Unusable {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// A later release wrote it.
    #[error("{} has the format {found} of a later Penstock; use that one, or another folder", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: i64,
    },
    /// An item cannot be read.
    #[error("an item in the database cannot be read: {0}")]
    Damaged(String),
}

impl DatabaseError {
    /// The same; that the disk is full is said of the file at `path`.
    fn at(self, path: &Path) -> Self {
        let code = if let Self::Sqlite(error) = &self { error.sqlite_error_code() } else { None };
        if code == Some(ErrorCode::DiskFull) { Self::Full { path: path.to_owned() } } else { self }
    }

    #[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
    fn undecodable(error: serde_json::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<DatabaseError> for PortError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Sqlite(_) | DatabaseError::Full { .. } | DatabaseError::Io(_) => {
                Self::transient(format!("use the database: {error}"))
            }
            DatabaseError::Unusable { .. } | DatabaseError::Newer { .. } | DatabaseError::Damaged(_) => {
                Self::permanent(format!("use the database: {error}"))
            }
        }
    }
}

/// The state of one folder's pipelines. The caller holds the folder's lock: nobody else may write.
pub struct Database {
    writer: Sender<Request>,
    /// For single items, read where the caller stands.
    items: Mutex<Connection>,
    /// For pages, read on a thread that may block.
    pages: Arc<Mutex<Connection>>,
    cache: Arc<Cache>,
    fresh: Arc<Fresh>,
    settler: Arc<Settler>,
    landed: watch::Receiver<u64>,
    /// Where readers of records stand, also where that is not written yet.
    cursors: Mutex<HashMap<&'static str, u64>>,
}

impl Database {
    /// Opens or creates the database at `path` and decodes what is open. The folder's `lock` is held until the last
    /// write is done.
    ///
    /// # Errors
    /// [`DatabaseError`] if the file is none of ours, is damaged, or cannot be written.
    pub fn open(path: &Path, lock: Option<Arc<File>>) -> Result<Self, DatabaseError> {
        let unusable = |error: DatabaseError| {
            let error = error.at(path);
            if let DatabaseError::Sqlite(error) = error {
                return DatabaseError::Unusable { path: path.to_owned(), reason: error.to_string() };
            }
            error
        };
        let connection = schema::open_writer(path).map_err(unusable)?;
        Self::written_by(connection, path, lock).map_err(unusable)
    }

    fn written_by(
        connection: Connection,
        path: &Path,
        lock: Option<Arc<File>>,
    ) -> Result<Self, DatabaseError> {
        let cache = Arc::new(Cache::default());
        read::open_items(&connection, &cache)?;
        let fresh = Arc::new(Fresh::default());
        let settler = Arc::new(Settler::above(carried::highest(&connection)?));
        let (sender, landed) = watch::channel(0);
        let items = Mutex::new(schema::open_reader(path)?);
        let pages = Arc::new(Mutex::new(schema::open_reader(path)?));
        let (shared_cache, shared_fresh, shared_settler) =
            (Arc::clone(&cache), Arc::clone(&fresh), Arc::clone(&settler));
        let writer = writer::start(connection, shared_cache, shared_fresh, shared_settler, sender, lock)?;
        Ok(Self { writer, items, pages, cache, fresh, settler, landed, cursors: Mutex::default() })
    }

    /// The same with room for so many more pages, so that a test can have the disk run full.
    #[cfg(test)]
    pub(crate) fn open_with_room(path: &Path, pages: i64) -> Result<Self, DatabaseError> {
        let connection = schema::open_writer(path)?;
        let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        // Pages that were freed would be used first.
        connection.execute_batch("BEGIN; CREATE TABLE filler (bytes BLOB)")?;
        while pragma("freelist_count")? > 0 {
            connection.execute("INSERT INTO filler VALUES (zeroblob(1000))", [])?;
        }
        connection.execute_batch("COMMIT")?;
        let room = pragma("page_count")? + pages;
        connection.pragma_update_and_check(None, "max_page_count", room, |_| Ok(()))?;
        Self::written_by(connection, path, None)
    }

    /// Counts the groups of commits that have landed; changes with each.
    pub fn landed(&self) -> watch::Receiver<u64> {
        self.landed.clone()
    }

    /// The names of all pipelines, also of those that were deleted.
    pub(crate) fn every_pipeline(&self) -> Vec<PipelineName> {
        self.cache.pipelines().iter().map(|pipeline| pipeline.name.clone()).collect()
    }

    /// When something is due next in any open execution of the pipelines that `counts` names.
    pub(crate) fn next_due(&self, counts: impl Fn(&PipelineName) -> bool) -> Option<Timestamp> {
        self.cache.next_due(counts)
    }

    /// The pipelines in which something is due.
    pub(crate) fn due_pipelines(&self, now: Timestamp) -> Vec<PipelineName> {
        self.cache.due(now, false)
    }

    /// The versions of the pipeline's open executions.
    pub(crate) fn open_versions(&self, pipeline: &PipelineName) -> OpenVersions {
        self.cache.open_versions(pipeline)
    }

    /// From now on the state alone says when something is due in those executions of the pipeline that still have these
    /// versions, whatever was written with them: they have been planned to their end. What was committed since says for
    /// itself when it is to go on. The next server, which knows nothing of that, looks once more.
    pub(crate) fn count_anew(&self, pipeline: &PipelineName, versions: &OpenVersions) {
        self.cache.count_anew(pipeline, versions);
    }

    /// Writes everything that waits and ends the writing thread; later commits fail.
    pub async fn close(&self) {
        let (answer, closed) = oneshot::channel();
        if self.ask(Request::Close(answer)).is_ok() {
            // An error means that the thread has ended already.
            let _ = closed.await;
        }
    }

    fn ask(&self, request: Request) -> Result<(), PortError> {
        self.writer.send(request).map_err(|_| PortError::transient("write to the database: it is closed"))
    }

    fn item<T>(&self, read: impl FnOnce(&Connection) -> Result<T, DatabaseError>) -> Result<T, PortError> {
        Ok(read(&self.items.lock().unwrap_or_else(PoisonError::into_inner))?)
    }

    async fn page<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, PortError> {
        let pages = Arc::clone(&self.pages);
        let task =
            tokio::task::spawn_blocking(move || read(&pages.lock().unwrap_or_else(PoisonError::into_inner)));
        let page = task.await.map_err(|error| PortError::transient(format!("read the database: {error}")))?;
        Ok(page?)
    }
}

#[cfg(test)]
mod tests {
    use penstock_app::port::store::Store;

    use super::*;

    #[tokio::test]
    async fn a_full_disk_is_told_with_the_folder_and_the_way_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("penstock.db");
        let database = Database::open_with_room(&path, 0).unwrap();
        let refused = database.quarantine(&"x".repeat(10_000), "a defect").await.unwrap_err();
        let folder = format!("make room on the disk of {}", dir.path().display());
        assert!(refused.retryable && refused.message.contains(&folder), "{refused}");
        database.close().await;
        let database = Database::open(&path, None).unwrap();
        database.quarantine(&"x".repeat(10_000), "a defect").await.unwrap();
    }
}
