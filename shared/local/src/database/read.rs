//! Reading and decoding items.

use std::sync::Arc;

use penstock_app::engine::state::{Execution, PipelineState};
use penstock_model::id::{DefinitionVersion, ExecutionId, PipelineName};
use penstock_model::pipeline::Pipeline;
use penstock_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::de::DeserializeOwned;

use super::DatabaseError;
use super::cache::Cache;

/// Decodes all pipelines' items and every open execution into `cache`. One that cannot be read is reported and keeps its
/// pipeline from being worked on, not the others.
pub(super) fn open_items(connection: &Connection, cache: &Cache) -> Result<(), DatabaseError> {
    let mut pipelines = connection.prepare("SELECT name, version, item FROM pipelines")?;
    let mut rows = pipelines.query([])?;
    while let Some(row) = rows.next()? {
        match decode::<PipelineState>(row.get_ref(2)?.as_str().unwrap_or_default()) {
            Ok(item) => cache.put_pipeline(row.get(1)?, Arc::new(item)),
            Err(error) => damaged(cache, &row.get::<_, String>(0)?, "its item", &error),
        }
    }
    let mut executions =
        connection.prepare("SELECT pipeline, version, item, next_due, id FROM executions WHERE open = 1")?;
    let mut rows = executions.query([])?;
    while let Some(row) = rows.next()? {
        let next_due: Option<i64> = row.get(3)?;
        match decode::<Execution>(row.get_ref(2)?.as_str().unwrap_or_default()) {
            Ok(item) => cache.put_execution(row.get(1)?, Arc::new(item), true, next_due.map(Timestamp)),
            Err(error) => {
                let what = format!("its execution {}", row.get::<_, String>(4)?);
                damaged(cache, &row.get::<_, String>(0)?, &what, &error);
            }
        }
    }
    Ok(())
}

fn damaged(cache: &Cache, pipeline: &str, what: &str, error: &DatabaseError) {
    let reason = format!(
        "{what} is damaged ({error}); restore penstock.db from a copy, or begin anew in another folder"
    );
    tracing::error!("the pipeline {} is not worked on: {reason}", pipeline.escape_debug());
    if let Ok(name) = PipelineName::new(pipeline) {
        cache.put_damaged(name, reason);
    }
}

/// One execution of a pipeline with its item's version.
pub(super) fn execution(
    connection: &Connection,
    pipeline: Option<&PipelineName>,
    id: &ExecutionId,
) -> Result<Option<(u64, Execution)>, DatabaseError> {
    let mut find = connection.prepare_cached("SELECT version, item FROM executions WHERE id = ?1")?;
    let found = find
        .query_row([id.as_str()], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, String>(1)?)))
        .optional()?;
    let Some((version, text)) = found else { return Ok(None) };
    let execution: Execution = decode(&text)?;
    let ours = pipeline.is_none_or(|pipeline| execution.pipeline == *pipeline);
    Ok(ours.then_some((version, execution)))
}

/// A page of a pipeline's executions, newest first.
pub(super) fn executions(
    connection: &Connection,
    pipeline: &PipelineName,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<Arc<Execution>>, DatabaseError> {
    let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
    let mut find = connection.prepare_cached(
        "SELECT item FROM executions WHERE pipeline = ?1 AND sequence < ?2 ORDER BY sequence DESC LIMIT ?3",
    )?;
    let mut rows =
        find.query(params![pipeline.as_str(), before, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut page = vec![];
    while let Some(row) = rows.next()? {
        page.push(Arc::new(decode(row.get_ref(0)?.as_str().unwrap_or_default())?));
    }
    Ok(page)
}

/// One definition version.
pub(super) fn definition(
    connection: &Connection,
    pipeline: &PipelineName,
    version: DefinitionVersion,
) -> Result<Option<Pipeline>, DatabaseError> {
    let mut find =
        connection.prepare_cached("SELECT item FROM definitions WHERE pipeline = ?1 AND version = ?2")?;
    let text: Option<String> =
        find.query_row(params![pipeline.as_str(), version.0], |row| row.get(0)).optional()?;
    text.map(|text| decode(&text)).transpose()
}

/// Decodes an item.
pub(super) fn decode<T: DeserializeOwned>(text: &str) -> Result<T, DatabaseError> {
    serde_json::from_str(text).map_err(DatabaseError::undecodable)
}
