//! The durable state: items with versions, their records, and one transaction a transition.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use penstock_engine::event::Event;
use penstock_engine::state::{Definitions, Execution, PipelineState, State};
use penstock_model::id::{CommandId, DefinitionVersion, DeliveryId, ExecutionId, PipelineName};
use penstock_model::pipeline::Pipeline;
use penstock_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::PortError;

/// The durable state of all pipelines.
#[async_trait]
pub trait Store: Send + Sync {
    /// Reads, strongly consistent and complete: the pipeline's item, its open executions and, closed or not,
    /// `named` and each stage's last success, with the definition versions that they pin and the latest.
    async fn load(&self, pipeline: &PipelineName, named: &[ExecutionId]) -> Result<Snapshot, PortError>;

    /// Writes all of `commit` or nothing.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] if an item has another version than expected, an admission exists already, or a
    /// definition version exists already. A commit that landed although its acknowledgement was lost counts as done.
    async fn commit(&self, commit: Commit) -> Result<(), CommitError>;

    /// All pipelines that are not deleted, by name. One whose item cannot be read keeps nobody from the others.
    async fn pipelines(&self) -> Result<Pipelines, PortError>;

    /// One pipeline's item, deleted or not.
    async fn pipeline(&self, pipeline: &PipelineName) -> Result<Option<Arc<PipelineState>>, PortError>;

    /// One definition version.
    async fn definition(
        &self,
        pipeline: &PipelineName,
        version: DefinitionVersion,
    ) -> Result<Option<Arc<Pipeline>>, PortError>;

    /// One execution of the pipeline, open or closed.
    async fn execution(
        &self,
        pipeline: &PipelineName,
        id: &ExecutionId,
    ) -> Result<Option<Arc<Execution>>, PortError>;

    /// The pipeline that an execution belongs to.
    async fn pipeline_of(&self, id: &ExecutionId) -> Result<Option<PipelineName>, PortError>;

    /// A page of executions, newest first, those with a sequence below `before`.
    async fn executions(
        &self,
        pipeline: &PipelineName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Arc<Execution>>, PortError>;

    /// The records of an execution, oldest first, from version `after` (exclusive).
    async fn records(
        &self,
        execution: &ExecutionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Record>, PortError>;

    /// Pipelines in which something is due by `now` (see `next_due`), or anything owed when `all_open`.
    async fn due(&self, now: Timestamp, all_open: bool) -> Result<Vec<PipelineName>, PortError>;

    /// Keeps a command that could not be decided, with the reason, for a person to look at.
    async fn quarantine(&self, what: &str, reason: &str) -> Result<(), PortError>;
}

/// What [`Store::pipelines`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pipelines {
    /// Those that are not deleted, by name.
    pub readable: Vec<Arc<PipelineState>>,
    /// Those whose item is damaged, or of a newer release, by name.
    pub unreadable: Vec<Unreadable>,
}

/// A pipeline whose item cannot be read: nothing can be decided about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The pipeline; it may be a deleted one.
    pub name: PipelineName,
    /// Why it cannot be read; transient for an item of a newer release.
    pub error: PortError,
}

/// What [`Store::load`] read.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The state for the engine.
    pub state: State,
    /// The definitions for the engine.
    pub definitions: Definitions,
    /// The version of each item in `state`; an absent item has version 0.
    pub versions: Versions,
}

/// Item versions, from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions {
    /// The pipeline's item.
    pub pipeline: u64,
    /// The executions.
    pub executions: BTreeMap<ExecutionId, u64>,
}

/// One transaction.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The pipeline.
    pub pipeline: PipelineName,
    /// The command that caused it; with the expected versions it tells our own landed write from a conflict.
    pub command: CommandId,
    /// The items that change.
    pub changes: Vec<Change>,
    /// For an execution from a delivery: must not exist yet.
    pub admission: Option<DeliveryId>,
    /// A definition version to add.
    pub definition: Option<(DefinitionVersion, Arc<Pipeline>)>,
    /// When.
    pub at: Timestamp,
}

/// One changed item with its record.
#[derive(Debug, Clone)]
pub struct Change {
    /// The version that the item has (0: it must not exist); it gets this plus one.
    pub expected: u64,
    /// What it becomes.
    pub item: ItemState,
    /// What happened to it: the record. Empty if another item's events changed it too, or if it is only written so
    /// that a decision that meets this one is noticed; then a record may be left out.
    pub events: Vec<Event>,
}

/// An item as it becomes.
#[derive(Debug, Clone)]
pub enum ItemState {
    /// The pipeline's.
    Pipeline(Arc<PipelineState>),
    /// An execution's.
    Execution {
        /// The item.
        execution: Arc<Execution>,
        /// Whether it is not terminal or owes anything.
        open: bool,
        /// When time alone makes something due.
        next_due: Option<Timestamp>,
    },
}

/// What happened to one item in one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The pipeline.
    pub pipeline: PipelineName,
    /// The execution; `None`: the pipeline's item.
    pub execution: Option<ExecutionId>,
    /// The item's version after it.
    pub version: u64,
    /// The command that caused it.
    pub command: CommandId,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub events: Vec<Event>,
}

/// Why a commit did not land.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Somebody else changed an item first: load and decide again.
    #[error("another change came first")]
    Conflict,
    /// The store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}
