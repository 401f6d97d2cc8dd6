//! The tables, and how a connection is set up.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::DatabaseError;

/// Raised when a table changes; a newer number than this is refused, an older one is migrated.
const VERSION: i64 = 2;
/// Written once and checkpointed at the start, so that the log's file need not grow while transitions wait for it.
const RESERVED_LOG: usize = 2 << 20;

const TABLES: &str = "
CREATE TABLE pipelines (
    name TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    item TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE executions (
    id TEXT PRIMARY KEY,
    pipeline TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    version INTEGER NOT NULL,
    open INTEGER NOT NULL,
    next_due INTEGER,
    item TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX executions_in_order ON executions (pipeline, sequence);
CREATE INDEX executions_open ON executions (id) WHERE open = 1;
CREATE TABLE definitions (
    pipeline TEXT NOT NULL,
    version INTEGER NOT NULL,
    schema INTEGER NOT NULL,
    item TEXT NOT NULL,
    PRIMARY KEY (pipeline, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE records (
    number INTEGER PRIMARY KEY,
    pipeline TEXT NOT NULL,
    execution TEXT NOT NULL,
    version INTEGER NOT NULL,
    command TEXT NOT NULL,
    at INTEGER NOT NULL,
    schema INTEGER NOT NULL,
    events TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX records_of_item ON records (execution, version, pipeline);
CREATE TABLE admissions (
    pipeline TEXT NOT NULL,
    delivery TEXT NOT NULL,
    PRIMARY KEY (pipeline, delivery)
) STRICT, WITHOUT ROWID;
CREATE TABLE outputs (
    attempt TEXT PRIMARY KEY,
    variables TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE cursors (
    name TEXT PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE quarantine (
    what TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
";

/// What version 2 adds: objects whose files may not be on the disk yet.
const CARRIED: &str = "
CREATE TABLE carried (
    number INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL,
    content BLOB NOT NULL
) STRICT;
";

/// Opens the writing connection and brings the tables up to date.
pub(super) fn open_writer(path: &Path) -> Result<Connection, DatabaseError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", -1024)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(32);
    match connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? {
        0 => create(&connection, &[TABLES, CARRIED])?,
        1 => create(&connection, &[CARRIED])?,
        VERSION => {}
        newer => return Err(DatabaseError::Newer { path: path.to_owned(), found: newer }),
    }
    reserve_log(&connection)?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, DatabaseError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -512)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn create(connection: &Connection, tables: &[&str]) -> Result<(), DatabaseError> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    connection.execute_batch(&tables.concat())?;
    connection.pragma_update(None, "user_version", VERSION)?;
    Ok(connection.execute_batch("COMMIT")?)
}

/// Makes the log's file as large as it gets between two checkpoints: overwriting is cheaper to synchronise than growing.
fn reserve_log(connection: &Connection) -> Result<(), DatabaseError> {
    connection.execute_batch(
        "PRAGMA synchronous = OFF; DROP TABLE IF EXISTS reserve; CREATE TABLE reserve (bytes BLOB)",
    )?;
    connection.execute("INSERT INTO reserve VALUES (zeroblob(?1))", [RESERVED_LOG])?;
    connection.execute_batch("DROP TABLE reserve; PRAGMA synchronous = FULL")?;
    checkpoint(connection)
}

/// Moves the log's content into the database, as far as no reader stands in the way.
pub(super) fn checkpoint(connection: &Connection) -> Result<(), DatabaseError> {
    Ok(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
}
