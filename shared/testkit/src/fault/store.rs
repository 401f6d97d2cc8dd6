//! A store that fails.

use std::sync::Arc;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::store::{Commit, CommitError, Pipelines, Record, Snapshot, Store};
use penstock_engine::state::{Execution, PipelineState};
use penstock_model::id::{DefinitionVersion, ExecutionId, PipelineName};
use penstock_model::pipeline::Pipeline;
use penstock_model::time::Timestamp;

use super::Faulty;

#[async_trait]
impl<T: Store + ?Sized> Store for Faulty<T> {
    async fn load(&self, pipeline: &PipelineName, named: &[ExecutionId]) -> Result<Snapshot, PortError> {
        self.faults.around("load", self.inner.load(pipeline, named)).await
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        self.faults.around("commit", self.inner.commit(commit)).await
    }

    async fn pipelines(&self) -> Result<Pipelines, PortError> {
        self.faults.around("list pipelines", self.inner.pipelines()).await
    }

    async fn pipeline(&self, pipeline: &PipelineName) -> Result<Option<Arc<PipelineState>>, PortError> {
        self.faults.around("read a pipeline", self.inner.pipeline(pipeline)).await
    }

    async fn definition(
        &self,
        pipeline: &PipelineName,
        version: DefinitionVersion,
    ) -> Result<Option<Arc<Pipeline>>, PortError> {
        self.faults.around("read a definition", self.inner.definition(pipeline, version)).await
    }

    async fn execution(
        &self,
        pipeline: &PipelineName,
        id: &ExecutionId,
    ) -> Result<Option<Arc<Execution>>, PortError> {
        self.faults.around("read an execution", self.inner.execution(pipeline, id)).await
    }

    async fn pipeline_of(&self, id: &ExecutionId) -> Result<Option<PipelineName>, PortError> {
        self.faults.around("find an execution", self.inner.pipeline_of(id)).await
    }

    async fn executions(
        &self,
        pipeline: &PipelineName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Arc<Execution>>, PortError> {
        self.faults.around("list executions", self.inner.executions(pipeline, before, limit)).await
    }

    async fn records(
        &self,
        execution: &ExecutionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Record>, PortError> {
        self.faults.around("read records", self.inner.records(execution, after, limit)).await
    }

    async fn due(&self, now: Timestamp, all_open: bool) -> Result<Vec<PipelineName>, PortError> {
        self.faults.around("find what is due", self.inner.due(now, all_open)).await
    }

    async fn quarantine(&self, what: &str, reason: &str) -> Result<(), PortError> {
        self.faults.around("quarantine", self.inner.quarantine(what, reason)).await
    }
}
