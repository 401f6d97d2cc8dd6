//! The durable state in one DynamoDB table.
//!
//! A transition makes mostly two reads and one transaction. Conditions on items' versions carry all correctness; see
//! [`schema`] for the items, `load` and `commit` for why nothing is lost between them.

mod body;
mod commit;
mod definitions;
mod due;
mod encode;
pub(crate) mod expiry;
mod history;
pub(crate) mod item;
pub(crate) mod key;
mod load;
mod quarantine;
pub mod schema;
mod stream;
pub(crate) mod table;
#[cfg(feature = "sqs")]
mod tries;
mod writes;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use penstock_app::engine::state::{Execution, PipelineState};
use penstock_app::port::PortError;
use penstock_app::port::store::{Commit, CommitError, Pipelines, Record, Snapshot, Store};
use penstock_model::id::{DefinitionVersion, ExecutionId, PipelineName};
use penstock_model::pipeline::Pipeline;
use penstock_model::time::Timestamp;

use definitions::Definitions;
use item::Stored;
use key::Key;
use table::Table;

pub use quarantine::Quarantined;
pub use stream::record_from_image;

use crate::sdk::Sdk;

/// The state, the claims and the outputs in one table. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TableStore {
    pub(crate) table: Table,
    definitions: Arc<Definitions>,
}

impl TableStore {
    /// The table called `table`, of the shape that [`schema`] describes.
    pub fn new(sdk: &Sdk, table: &str) -> Self {
        Self { table: Table::new(sdk, table), definitions: Arc::default() }
    }
}

#[async_trait]
impl Store for TableStore {
    async fn load(&self, pipeline: &PipelineName, named: &[ExecutionId]) -> Result<Snapshot, PortError> {
        self.read(pipeline, named).await
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        self.write(&commit).await
    }

    async fn pipelines(&self) -> Result<Pipelines, PortError> {
        self.list().await
    }

    async fn pipeline(&self, pipeline: &PipelineName) -> Result<Option<Arc<PipelineState>>, PortError> {
        let item =
            self.table.get(&format!("read the pipeline `{pipeline}`"), Key::pipeline(pipeline)).await?;
        item.map(|item| encode::read_pipeline(Stored::new(&item)?).map(|(_, state, _)| state)).transpose()
    }

    async fn definition(
        &self,
        pipeline: &PipelineName,
        version: DefinitionVersion,
    ) -> Result<Option<Arc<Pipeline>>, PortError> {
        let mut found = self.definitions_of(pipeline, BTreeSet::from([version])).await?;
        Ok(found.remove(&version))
    }

    async fn execution(
        &self,
        pipeline: &PipelineName,
        id: &ExecutionId,
    ) -> Result<Option<Arc<Execution>>, PortError> {
        self.find(pipeline, id).await
    }

    async fn pipeline_of(&self, id: &ExecutionId) -> Result<Option<PipelineName>, PortError> {
        self.owner(id).await
    }

    async fn executions(
        &self,
        pipeline: &PipelineName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Arc<Execution>>, PortError> {
        self.page(pipeline, before, limit).await
    }

    async fn records(
        &self,
        execution: &ExecutionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Record>, PortError> {
        self.history(execution, after, limit).await
    }

    async fn due(&self, now: Timestamp, all_open: bool) -> Result<Vec<PipelineName>, PortError> {
        self.due_by(if all_open { due::ALL_OPEN } else { now }).await
    }

    async fn quarantine(&self, what: &str, reason: &str) -> Result<(), PortError> {
        self.put_aside(what, reason).await
    }
}
