//! What people look at: pipelines, executions, attempts, variables, logs.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use penstock_engine::event::Event;
use penstock_engine::rejection::Rejection;
use penstock_engine::state::{Execution, PipelineState};
use penstock_engine::{AttemptHistory, attempts};
use penstock_model::id::{AttemptId, DefinitionVersion, ExecutionId, PipelineName, StageName};
use penstock_model::pipeline::{Action, Category, Pipeline};
use tokio::sync::watch;

use crate::approvals::Approvals;
use crate::control::no_pipeline;
use crate::dispatch::resolve::{ResolveError, resolve};
use crate::error::AppError;
use crate::port::logs::{FAILED_TRY, Logs};
use crate::port::outputs::Outputs;
use crate::port::store::{Record, Snapshot, Store};
use crate::view::{ActionStanding, ActionView, ExecutionView};

mod present;

/// How many records are read at once.
const PAGE: usize = 200;

/// Reads what people look at; changes nothing.
pub struct Query {
    store: Arc<dyn Store>,
    outputs: Arc<dyn Outputs>,
    approvals: Arc<Approvals>,
    logs: Arc<dyn Logs>,
    changes: watch::Receiver<u64>,
}

impl Query {
    /// Reads of `store`; told of changes by `changes`, such as [`crate::transition::Transition::changes`].
    pub fn new(
        store: Arc<dyn Store>,
        outputs: Arc<dyn Outputs>,
        approvals: Arc<Approvals>,
        logs: Arc<dyn Logs>,
        changes: watch::Receiver<u64>,
    ) -> Self {
        Self { store, outputs, approvals, logs, changes }
    }

    /// All pipelines that are not deleted and can be read, by name.
    ///
    /// # Errors
    /// [`AppError::Port`] if the store failed; so of all that follow.
    pub async fn pipelines(&self) -> Result<Vec<Arc<PipelineState>>, AppError> {
        Ok(self.store.pipelines().await?.readable)
    }

    /// A definition of a pipeline: that version, or the latest.
    ///
    /// # Errors
    /// [`AppError::Rejected`] if there is no such pipeline; [`AppError::NotFound`] if there is no such version.
    pub async fn definition(
        &self,
        pipeline: &PipelineName,
        version: Option<DefinitionVersion>,
    ) -> Result<(Arc<PipelineState>, Arc<Pipeline>, DefinitionVersion), AppError> {
        let state = self.existing(pipeline).await?;
        let version = version.unwrap_or(state.definition);
        let definition = self.store.definition(pipeline, version).await?;
        let definition = definition.ok_or_else(|| {
            AppError::NotFound(format!("there is no version {version} of the pipeline `{pipeline}`"))
        })?;
        Ok((state, definition, version))
    }

    /// An execution as people see it: that one, or the latest.
    ///
    /// # Errors
    /// [`AppError::Rejected`] if there is no such pipeline or execution; [`AppError::NotFound`] if there is none yet.
    pub async fn execution(
        &self,
        pipeline: &PipelineName,
        id: Option<&ExecutionId>,
    ) -> Result<ExecutionView, AppError> {
        let id = match id {
            Some(id) => id.clone(),
            None => self.latest(pipeline).await?,
        };
        let snapshot = self.store.load(pipeline, std::slice::from_ref(&id)).await?;
        let mut view = present::view(&snapshot, &id, &self.approvals, self.logs.as_ref())
            .ok_or(Rejection::ExecutionNotFound { execution: id })?;
        self.add_progress(&mut view).await;
        Ok(view)
    }

    /// Of a source that is tried again, the last line of its log says why.
    async fn add_progress(&self, view: &mut ExecutionView) {
        for stage in &mut view.stages {
            let running = |it: &&mut ActionView| {
                it.category == Category::Source && it.status == ActionStanding::InProgress
            };
            for action in stage.actions.iter_mut().filter(running) {
                let attempt = AttemptId {
                    execution: view.execution_id.clone(),
                    stage: stage.name.clone(),
                    action: action.name.clone(),
                    number: action.attempt,
                };
                // A log that cannot be read must not hide the execution.
                let last = self.logs.tail(&attempt, 1).await.unwrap_or_default();
                let failed = last.into_iter().find(|line| line.starts_with(FAILED_TRY));
                action.summary = failed.or(action.summary.take());
            }
        }
    }

    /// An execution as the state has it.
    ///
    /// # Errors
    /// [`AppError::Rejected`] if there is no such execution.
    pub async fn raw_execution(
        &self,
        pipeline: &PipelineName,
        id: &ExecutionId,
    ) -> Result<Arc<Execution>, AppError> {
        let found = self.store.execution(pipeline, id).await?;
        found.ok_or_else(|| Rejection::ExecutionNotFound { execution: id.clone() }.into())
    }

    /// A page of executions, newest first, those with a sequence below `before`.
    ///
    /// # Errors
    /// [`AppError::Rejected`] if there is no such pipeline.
    pub async fn executions(
        &self,
        pipeline: &PipelineName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Arc<Execution>>, AppError> {
        self.existing(pipeline).await?;
        Ok(self.store.executions(pipeline, before, limit).await?)
    }

    /// A pipeline with its open executions, its stages' last successes, and its latest definition.
    ///
    /// # Errors
    /// [`AppError::Rejected`] if there is no such pipeline.
    pub async fn pipeline_snapshot(
        &self,
        pipeline: &PipelineName,
    ) -> Result<(Snapshot, Arc<Pipeline>), AppError> {
        let snapshot = self.store.load(pipeline, &[]).await?;
        let state = snapshot.state.pipeline.as_ref().filter(|state| !state.deleted);
        let definition = state.and_then(|state| snapshot.definitions.get(&state.definition)).cloned();
        definition.map(|definition| (snapshot, definition)).ok_or_else(|| no_pipeline(pipeline))
    }

    /// What became of every attempt of an execution, oldest first.
    ///
    /// # Errors
    /// [`AppError::Rejected`] if there is no such execution.
    pub async fn attempts(
        &self,
        pipeline: &PipelineName,
        execution: &ExecutionId,
    ) -> Result<Vec<AttemptHistory>, AppError> {
        self.raw_execution(pipeline, execution).await?;
        let records = records(self.store.as_ref(), execution, u64::MAX).await?;
        let events: Vec<Event> = records.into_iter().flat_map(|record| record.events).collect();
        Ok(attempts(&events))
    }

    /// The output variables of an attempt.
    ///
    /// # Errors
    /// [`AppError::Port`] if they could not be read.
    pub async fn variables(&self, attempt: &AttemptId) -> Result<BTreeMap<String, String>, AppError> {
        Ok(self.outputs.get(attempt).await?)
    }

    /// The configuration of an action with its references replaced; as written where one has no value yet.
    ///
    /// # Errors
    /// [`AppError::Port`] if the outputs it refers to could not be read.
    pub async fn resolved_configuration(
        &self,
        pipeline: &Pipeline,
        execution: &Execution,
        stage: &StageName,
        action: &Action,
    ) -> Result<BTreeMap<String, String>, AppError> {
        match resolve(self.outputs.as_ref(), pipeline, execution, stage, action).await {
            Ok(resolved) => Ok(resolved.configuration),
            Err(ResolveError::Port(error)) => Err(error.into()),
            Err(ResolveError::Unresolved { .. } | ResolveError::TooLarge { .. }) => {
                Ok(action.configuration.clone())
            }
        }
    }

    /// At most `limit` bytes of an attempt's log from `offset`.
    ///
    /// # Errors
    /// [`AppError::Port`] if it could not be read.
    pub async fn log(&self, attempt: &AttemptId, offset: u64, limit: usize) -> Result<Bytes, AppError> {
        Ok(self.logs.read(attempt, offset, limit).await?)
    }

    /// The last `lines` lines of an attempt's log.
    ///
    /// # Errors
    /// [`AppError::Port`] if it could not be read.
    pub async fn log_tail(&self, attempt: &AttemptId, lines: usize) -> Result<Vec<String>, AppError> {
        Ok(self.logs.tail(attempt, lines).await?)
    }

    /// Where a person finds the whole log of an attempt.
    pub fn log_location(&self, attempt: &AttemptId) -> String {
        self.logs.location(attempt)
    }

    /// The pipeline that an execution belongs to.
    ///
    /// # Errors
    /// [`AppError::Rejected`] if there is no such execution.
    pub async fn pipeline_of(&self, execution: &ExecutionId) -> Result<PipelineName, AppError> {
        let found = self.store.pipeline_of(execution).await?;
        found.ok_or_else(|| Rejection::ExecutionNotFound { execution: execution.clone() }.into())
    }

    /// Whether this process changes state, so that [`Self::wait_for_change`] can end.
    pub fn sees_changes(&self) -> bool {
        self.changes.has_changed().is_ok()
    }

    /// How many changes this process has made; begin with it, then [`Self::wait_for_change`].
    pub fn changes(&self) -> u64 {
        *self.changes.borrow()
    }

    /// Waits until this process has made more changes than `seen`, and says how many.
    pub async fn wait_for_change(&self, seen: u64) -> u64 {
        let mut changes = self.changes.clone();
        // The guard is given back before anything else is awaited, so that the wait can move between threads.
        let found = changes.wait_for(|count| *count > seen).await.map(|count| *count);
        match found {
            Ok(count) => count,
            // Nothing changes state any more; the caller ends by other means.
            Err(_) => std::future::pending().await,
        }
    }

    async fn latest(&self, pipeline: &PipelineName) -> Result<ExecutionId, AppError> {
        let page = self.executions(pipeline, None, 1).await?;
        let latest = page.first().map(|execution| execution.id.clone());
        latest.ok_or_else(|| {
            AppError::NotFound(format!(
                "`{pipeline}` has no execution yet; `penstock start {pipeline}` starts one"
            ))
        })
    }

    async fn existing(&self, pipeline: &PipelineName) -> Result<Arc<PipelineState>, AppError> {
        let state = self.store.pipeline(pipeline).await?;
        state.filter(|state| !state.deleted).ok_or_else(|| no_pipeline(pipeline))
    }
}

/// The records of an execution up to version `last`, oldest first.
pub(crate) async fn records(
    store: &dyn Store,
    execution: &ExecutionId,
    last: u64,
) -> Result<Vec<Record>, AppError> {
    let mut records: Vec<Record> = vec![];
    loop {
        let after = records.last().map_or(0, |record| record.version);
        let page = store.records(execution, after, PAGE).await?;
        let complete = page.len() < PAGE || page.last().is_some_and(|record| record.version >= last);
        records.extend(page.into_iter().filter(|record| record.version <= last));
        if complete {
            return Ok(records);
        }
    }
}
