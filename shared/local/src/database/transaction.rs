//! One commit as SQL: encoded by whoever asks, carried out by the writing thread.

use penstock_app::engine::state::SCHEMA;
use penstock_app::port::PortError;
use penstock_app::port::store::{Commit, ItemState};
use rusqlite::{Connection, OptionalExtension, params};

use super::DatabaseError;

/// A commit with its rows encoded.
pub(super) struct Transaction {
    /// What was asked.
    pub(super) commit: Commit,
    rows: Vec<Row>,
    definition: Option<String>,
}

struct Row {
    /// The execution's id; empty for the pipeline's item.
    execution: String,
    item: String,
    events: String,
}

/// How carrying out a transaction ended, the connection aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Landed {
    /// Its rows are written.
    Written,
    /// This very commit was written before.
    Before,
    /// Something is not as the commit expects.
    Conflict,
}

impl Transaction {
    /// Encodes the rows.
    pub(super) fn encode(commit: Commit) -> Result<Self, PortError> {
        let encoded = |error: serde_json::Error| PortError::permanent(format!("encode an item: {error}"));
        let mut rows = Vec::with_capacity(commit.changes.len());
        for change in &commit.changes {
            let (execution, item) = match &change.item {
                ItemState::Pipeline(item) => (String::new(), serde_json::to_string(item)),
                ItemState::Execution { execution, .. } => {
                    (execution.id.as_str().to_owned(), serde_json::to_string(execution))
                }
            };
            let events = serde_json::to_string(&change.events).map_err(encoded)?;
            rows.push(Row { execution, item: item.map_err(encoded)?, events });
        }
        let definition = match &commit.definition {
            Some((_, definition)) => Some(serde_json::to_string(definition).map_err(encoded)?),
            None => None,
        };
        Ok(Self { commit, rows, definition })
    }

    /// Writes the rows; after a conflict some may be written, for the caller to roll back.
    pub(super) fn carry_out(&self, connection: &Connection) -> Result<Landed, DatabaseError> {
        match self.write(connection) {
            Ok(true) => Ok(Landed::Written),
            Ok(false) => Ok(Landed::Conflict),
            Err(error) if is_constraint(&error) => Ok(Landed::Conflict),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether this very commit was written before: each of its records stands there under its command.
    pub(super) fn stands(&self, connection: &Connection) -> Result<bool, DatabaseError> {
        let mut find = connection.prepare_cached(
            "SELECT command FROM records WHERE execution = ?1 AND version = ?2 AND pipeline = ?3",
        )?;
        for (change, row) in self.commit.changes.iter().zip(&self.rows) {
            let key = params![row.execution, change.expected + 1, self.commit.pipeline.as_str()];
            let command: Option<String> = find.query_row(key, |row| row.get(0)).optional()?;
            if command.as_deref() != Some(self.commit.command.as_str()) {
                return Ok(false);
            }
        }
        Ok(!self.rows.is_empty())
    }

    fn write(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let Commit { pipeline, command, changes, admission, definition, at } = &self.commit;
        if let Some(delivery) = admission {
            let mut insert = connection.prepare_cached("INSERT INTO admissions VALUES (?1, ?2)")?;
            insert.execute([pipeline.as_str(), delivery.as_str()])?;
        }
        if let (Some((version, _)), Some(text)) = (definition, &self.definition) {
            let mut insert = connection.prepare_cached("INSERT INTO definitions VALUES (?1, ?2, ?3, ?4)")?;
            insert.execute(params![pipeline.as_str(), version.0, SCHEMA, text])?;
        }
        for (change, row) in changes.iter().zip(&self.rows) {
            if !write_item(connection, pipeline.as_str(), change.expected, &change.item, row)? {
                return Ok(false);
            }
            let mut insert = connection.prepare_cached(
                "INSERT INTO records (pipeline, execution, version, command, at, schema, events) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            let version = change.expected + 1;
            insert.execute(params![
                pipeline.as_str(),
                row.execution,
                version,
                command.as_str(),
                at.0,
                SCHEMA,
                row.events
            ])?;
        }
        Ok(true)
    }
}

fn write_item(
    connection: &Connection,
    pipeline: &str,
    expected: u64,
    item: &ItemState,
    row: &Row,
) -> rusqlite::Result<bool> {
    let version = expected + 1;
    let written = match item {
        ItemState::Pipeline(_) if expected == 0 => {
            connection.prepare_cached("INSERT INTO pipelines VALUES (?1, ?2, ?3)")?.execute(params![pipeline, version, row.item])?
        }
        ItemState::Pipeline(_) => connection
            .prepare_cached("UPDATE pipelines SET version = ?2, item = ?3 WHERE name = ?1 AND version = ?4")?
            .execute(params![pipeline, version, row.item, expected])?,
        ItemState::Execution { execution, open, next_due } if expected == 0 => connection
            .prepare_cached("INSERT INTO executions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
            .execute(params![row.execution, pipeline, execution.sequence, version, open, next_due.map(|at| at.0), row.item])?,
        ItemState::Execution { open, next_due, .. } => connection
            .prepare_cached("UPDATE executions SET version = ?2, open = ?3, next_due = ?4, item = ?5 WHERE id = ?1 AND version = ?6 AND pipeline = ?7")?
            .execute(params![row.execution, version, open, next_due.map(|at| at.0), row.item, expected, pipeline])?,
    };
    Ok(written == 1)
}

fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
}
