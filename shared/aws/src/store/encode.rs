//! The state's items, from the ports' types and back.

use std::sync::Arc;

use penstock_app::engine::state::{Execution, PipelineState};
use penstock_app::port::PortError;
use penstock_app::port::store::{Change, Commit, ItemState, Record};
use penstock_model::id::{CommandId, DefinitionVersion, ExecutionId, PipelineName};
use penstock_model::pipeline::Pipeline;
use penstock_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::item::{Attributes, Draft, Stored};
use super::key::{Key, due_shard, execution_in};
use super::schema::{DUE_AT, DUE_SHARD, NEVER};

const AT: &str = "at";
const COMMAND: &str = "command";
const EXECUTION: &str = "execution";
const PIPELINE: &str = "pipeline";
const TOGETHER: &str = "together";
pub(super) const VERSION: &str = "version";
pub(super) const WRITER: &str = "writer";

/// An execution as a transaction left it that also wrote the pipeline's item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Left {
    pub(super) execution: ExecutionId,
    pub(super) version: u64,
    pub(super) open: bool,
}

/// The pipeline's item, with the executions that `commit` changes together with it.
pub(super) fn pipeline(
    commit: &Commit,
    change: &Change,
    state: &PipelineState,
) -> Result<Attributes, PortError> {
    let key = Key::pipeline(&commit.pipeline);
    let left: Vec<Left> = commit.changes.iter().filter_map(left).collect();
    let together = serde_json::to_string(&left)
        .map_err(|error| PortError::permanent(format!("encode the item {key}: {error}")))?;
    head(key, commit, change).text(TOGETHER, together).body(state)?.finish()
}

fn left(change: &Change) -> Option<Left> {
    match &change.item {
        ItemState::Pipeline(_) => None,
        ItemState::Execution { execution, open, next_due: _ } => {
            Some(Left { execution: execution.id.clone(), version: change.expected + 1, open: *open })
        }
    }
}

pub(super) fn open(
    commit: &Commit,
    change: &Change,
    execution: &Execution,
    next_due: Option<Timestamp>,
) -> Result<Attributes, PortError> {
    head(Key::open(&commit.pipeline, &execution.id), commit, change)
        .text(DUE_SHARD, due_shard(&commit.pipeline))
        .number(DUE_AT, next_due.map_or(NEVER, |at| at.0.min(NEVER)))
        .body(execution)?
        .finish()
}

pub(super) fn closed(
    commit: &Commit,
    change: &Change,
    execution: &Execution,
) -> Result<Attributes, PortError> {
    head(Key::closed(&execution.id), commit, change).body(execution)?.finish()
}

fn head(key: Key, commit: &Commit, change: &Change) -> Draft {
    Draft::new(key).number(VERSION, change.expected + 1).text(WRITER, commit.command.as_str())
}

pub(super) fn record(
    commit: &Commit,
    change: &Change,
    execution: Option<&ExecutionId>,
) -> Result<Attributes, PortError> {
    let version = change.expected + 1;
    Draft::new(Key::record(&commit.pipeline, execution, version))
        .text(PIPELINE, commit.pipeline.as_str())
        .number(VERSION, version)
        .text(COMMAND, commit.command.as_str())
        .number(AT, commit.at.0)
        .body(&change.events)?
        .finish()
}

pub(super) fn sequence(pipeline: &PipelineName, execution: &Execution) -> Result<Attributes, PortError> {
    Draft::new(Key::sequence(pipeline, execution.sequence)).text(EXECUTION, execution.id.as_str()).finish()
}

pub(super) fn definition(
    pipeline: &PipelineName,
    version: DefinitionVersion,
    definition: &Pipeline,
) -> Result<Attributes, PortError> {
    Draft::new(Key::definition(pipeline, version)).number(VERSION, version).body(definition)?.finish()
}

/// The pipeline's item with its version and what was written together with it.
pub(super) fn read_pipeline(stored: Stored<'_>) -> Result<(u64, Arc<PipelineState>, Vec<Left>), PortError> {
    let together = serde_json::from_str(stored.text(TOGETHER)?);
    let together = together.map_err(|error| stored.damaged(&format!("`{TOGETHER}`: {error}")))?;
    Ok((stored.number(VERSION)?, stored.body()?, together))
}

/// An execution with its item's version.
pub(super) fn read_execution(stored: Stored<'_>) -> Result<(u64, Arc<Execution>), PortError> {
    Ok((stored.number(VERSION)?, stored.body()?))
}

pub(super) fn read_definition(stored: Stored<'_>) -> Result<(DefinitionVersion, Arc<Pipeline>), PortError> {
    Ok((DefinitionVersion(stored.number(VERSION)?), stored.body()?))
}

pub(super) fn read_sequence(stored: Stored<'_>) -> Result<ExecutionId, PortError> {
    stored.parsed(EXECUTION)
}

pub(super) fn read_command(stored: Stored<'_>) -> Result<CommandId, PortError> {
    stored.parsed(COMMAND)
}

pub(super) fn read_pipeline_name(stored: Stored<'_>) -> Result<PipelineName, PortError> {
    stored.parsed(PIPELINE)
}

pub(super) fn read_record(stored: Stored<'_>) -> Result<Record, PortError> {
    let execution = execution_in(stored.pk()).map(ExecutionId::new).transpose();
    Ok(Record {
        pipeline: read_pipeline_name(stored)?,
        execution: execution.map_err(|error| stored.damaged(&error.to_string()))?,
        version: stored.number(VERSION)?,
        command: read_command(stored)?,
        at: Timestamp(stored.number(AT)?),
        events: stored.body()?,
    })
}
