//! The store's port on the database.

use std::sync::Arc;

use async_trait::async_trait;
use penstock_app::engine::state::{Execution, PipelineState};
use penstock_app::port::PortError;
use penstock_app::port::store::{Commit, CommitError, Pipelines, Record, Snapshot, Store};
use penstock_model::id::{DefinitionVersion, ExecutionId, PipelineName};
use penstock_model::pipeline::Pipeline;
use penstock_model::time::Timestamp;
use tokio::sync::oneshot;

use super::cache::pinned;
use super::transaction::Transaction;
use super::writer::Request;
use super::{Database, read, records};

#[async_trait]
impl Store for Database {
    async fn load(&self, pipeline: &PipelineName, named: &[ExecutionId]) -> Result<Snapshot, PortError> {
        self.cache.is_sound(pipeline)?;
        let (mut snapshot, missing) = self.cache.snapshot(pipeline, named);
        for id in missing {
            if let Some((version, execution)) =
                self.item(|connection| read::execution(connection, Some(pipeline), &id))?
            {
                snapshot.versions.executions.insert(id.clone(), version);
                snapshot.state.executions.insert(id, Arc::new(execution));
            }
        }
        for version in pinned(&snapshot) {
            if !snapshot.definitions.contains_key(&version)
                && let Some(definition) = self.definition(pipeline, version).await?
            {
                snapshot.definitions.insert(version, definition);
            }
        }
        Ok(snapshot)
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        let (answer, landed) = oneshot::channel();
        self.ask(Request::Commit(Box::new(Transaction::encode(commit)?), answer))?;
        landed.await.map_err(|_| PortError::transient("write to the database: it was closed meanwhile"))?
    }

    async fn pipelines(&self) -> Result<Pipelines, PortError> {
        let mut readable = self.cache.pipelines();
        readable.retain(|pipeline| !pipeline.deleted);
        Ok(Pipelines { readable, unreadable: self.cache.unreadable() })
    }

    async fn pipeline(&self, pipeline: &PipelineName) -> Result<Option<Arc<PipelineState>>, PortError> {
        self.cache.is_sound(pipeline)?;
        Ok(self.cache.pipeline(pipeline))
    }

    async fn definition(
        &self,
        pipeline: &PipelineName,
        version: DefinitionVersion,
    ) -> Result<Option<Arc<Pipeline>>, PortError> {
        if let Some(definition) = self.cache.definition(pipeline, version) {
            return Ok(Some(definition));
        }
        let found = self.item(|connection| read::definition(connection, pipeline, version))?;
        Ok(found.map(|definition| {
            let definition = Arc::new(definition);
            self.cache.put_definition(pipeline, version, Arc::clone(&definition));
            definition
        }))
    }

    async fn execution(
        &self,
        pipeline: &PipelineName,
        id: &ExecutionId,
    ) -> Result<Option<Arc<Execution>>, PortError> {
        if let Some(execution) = self.cache.execution(id) {
            return Ok((execution.pipeline == *pipeline).then_some(execution));
        }
        let found = self.item(|connection| read::execution(connection, Some(pipeline), id))?;
        Ok(found.map(|(_, execution)| Arc::new(execution)))
    }

    async fn pipeline_of(&self, id: &ExecutionId) -> Result<Option<PipelineName>, PortError> {
        if let Some(execution) = self.cache.execution(id) {
            return Ok(Some(execution.pipeline.clone()));
        }
        let found = self.item(|connection| read::execution(connection, None, id))?;
        Ok(found.map(|(_, execution)| execution.pipeline))
    }

    async fn executions(
        &self,
        pipeline: &PipelineName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Arc<Execution>>, PortError> {
        let pipeline = pipeline.clone();
        self.page(move |connection| read::executions(connection, &pipeline, before, limit)).await
    }

    async fn records(
        &self,
        execution: &ExecutionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Record>, PortError> {
        let execution = execution.clone();
        self.page(move |connection| records::of_execution(connection, &execution, after, limit)).await
    }

    async fn due(&self, now: Timestamp, all_open: bool) -> Result<Vec<PipelineName>, PortError> {
        Ok(self.cache.due(now, all_open))
    }

    async fn quarantine(&self, what: &str, reason: &str) -> Result<(), PortError> {
        let (answer, kept) = oneshot::channel();
        self.ask(Request::Quarantine(what.into(), reason.into(), answer))?;
        kept.await.map_err(|_| PortError::transient("write to the database: it was closed meanwhile"))?
    }
}
