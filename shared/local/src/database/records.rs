//! The records: an execution's history, and all of them in the order in which they landed.

use std::sync::PoisonError;

use penstock_app::engine::event::Fact;
use penstock_app::port::PortError;
use penstock_app::port::store::Record;
use penstock_model::artifact::Artifact;
use penstock_model::id::{AttemptId, CommandId, ExecutionId, PipelineName};
use penstock_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::writer::Request;
use super::{Database, DatabaseError, read};

/// A record with its place among all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    /// Ascending in the order in which records landed.
    pub number: u64,
    /// The record; an error if it cannot be read.
    pub record: Result<Record, String>,
}

const COLUMNS: &str = "number, pipeline, execution, version, command, at, events";

/// The records of an execution, oldest first, from version `after` (exclusive).
pub(super) fn of_execution(
    connection: &Connection,
    execution: &ExecutionId,
    after: u64,
    limit: usize,
) -> Result<Vec<Record>, DatabaseError> {
    let mut find = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM records WHERE execution = ?1 AND version > ?2 ORDER BY version LIMIT ?3"
    ))?;
    let mut rows =
        find.query(params![execution.as_str(), after, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut records = vec![];
    while let Some(row) = rows.next()? {
        records.push(decode(row)?);
    }
    Ok(records)
}

impl Database {
    /// The records after `number` in the order in which they landed.
    ///
    /// # Errors
    /// A retryable [`PortError`] if the database fails.
    pub async fn records_after(&self, number: u64, limit: usize) -> Result<Vec<Numbered>, PortError> {
        self.page(move |connection| {
            let mut find = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM records WHERE number > ?1 ORDER BY number LIMIT ?2"
            ))?;
            let mut rows = find.query(params![number, i64::try_from(limit).unwrap_or(i64::MAX)])?;
            let mut records = vec![];
            while let Some(row) = rows.next()? {
                let record = decode(row).map_err(|error| error.to_string());
                records.push(Numbered { number: row.get(0)?, record });
            }
            Ok(records)
        })
        .await
    }

    /// Shows `each` artifact of which the records after `number` tell, and the attempt that stored it; returns the
    /// number of the last record there is. Records that cannot be read are passed over.
    pub(crate) fn artifacts_after(
        &self,
        number: u64,
        mut each: impl FnMut(&AttemptId, &Artifact),
    ) -> Result<u64, PortError> {
        let mut told = |connection: &Connection| -> Result<u64, DatabaseError> {
            let last =
                connection.query_row("SELECT coalesce(max(number), 0) FROM records", [], |row| row.get(0))?;
            // Most records tell of none, which is seen without decoding them.
            let mut find = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM records WHERE number > ?1 AND number <= ?2 AND instr(events, '\"sha256\"') > 0"
            ))?;
            let mut rows = find.query([number, last])?;
            while let Some(row) = rows.next()? {
                let events = decode(row).map(|record| record.events).unwrap_or_default();
                for fact in events.iter().map(|event| &event.fact) {
                    if let Fact::AttemptSucceeded { attempt, success } = fact {
                        success.artifacts.iter().for_each(|artifact| each(attempt, artifact));
                    }
                }
            }
            Ok(last)
        };
        Ok(told(&self.pages.lock().unwrap_or_else(PoisonError::into_inner))?)
    }

    /// Where the reader `name` stands: the number of the last record that it is done with.
    ///
    /// # Errors
    /// A retryable [`PortError`] if the database fails.
    pub fn cursor(&self, name: &'static str) -> Result<u64, PortError> {
        if let Some(number) = self.cursors.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(*number);
        }
        self.item(|connection| {
            let mut find = connection.prepare_cached("SELECT number FROM cursors WHERE name = ?1")?;
            Ok(find.query_row([name], |row| row.get(0)).optional()?.unwrap_or(0))
        })
    }

    /// Records where the reader `name` stands; durable soon.
    ///
    /// # Errors
    /// A [`PortError`] if the database is closed.
    pub fn set_cursor(&self, name: &'static str, number: u64) -> Result<(), PortError> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner).insert(name, number);
        self.ask(Request::Cursor(name, number))
    }
}

fn decode(row: &Row<'_>) -> Result<Record, DatabaseError> {
    let damaged = |error: &dyn std::fmt::Display| DatabaseError::Damaged(error.to_string());
    let execution: String = row.get(2)?;
    let execution = match &*execution {
        "" => None,
        id => Some(ExecutionId::new(id).map_err(|error| damaged(&error))?),
    };
    Ok(Record {
        pipeline: PipelineName::new(&row.get::<_, String>(1)?).map_err(|error| damaged(&error))?,
        execution,
        version: row.get(3)?,
        command: CommandId::new(&row.get::<_, String>(4)?).map_err(|error| damaged(&error))?,
        at: Timestamp(row.get(5)?),
        events: read::decode(&row.get::<_, String>(6)?)?,
    })
}
