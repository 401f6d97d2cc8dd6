//! What the cases of the store's contract are made of: items from the engine, written commit by commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use penstock_app::port::store::{Change, Commit, CommitError, ItemState, Snapshot, Store};
use penstock_engine::command::{Command, DefineMode, Request};
use penstock_engine::event::Event;
use penstock_engine::state::{Execution, ExecutionStatus, PipelineState, Position, State};
use penstock_engine::{Decision, decide, is_open, next_due};
use penstock_model::id::{DefinitionVersion, ExecutionId, PipelineName};
use penstock_model::pipeline::{ExecutionMode, Pipeline};
use penstock_model::time::Timestamp;

use crate::build::{build, command, name, pipeline, source, start, start_from};

/// The moment of all that the cases do.
pub(super) const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// A store with the pipelines `web` and `api` as the engine makes them.
pub(super) struct Bench {
    pub(super) store: Arc<dyn Store>,
}

pub(super) fn definition(pipeline_name: &str) -> Pipeline {
    pipeline(pipeline_name)
        .mode(ExecutionMode::Parallel)
        .stage("Source", [source("Fetch", "src")])
        .stage("Build", [build("Compile").consumes("src")])
        .build()
}

impl Bench {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    pub(super) async fn load(&self, pipeline: &str, named: &[ExecutionId]) -> Snapshot {
        self.store.load(&name(pipeline), named).await.expect("loading")
    }

    /// The commit that defines the pipeline's next version.
    pub(super) async fn definition(&self, pipeline: &str, id: &str) -> Commit {
        let mut snapshot = self.load(pipeline, &[]).await;
        let version = DefinitionVersion(snapshot.state.pipeline.as_ref().map_or(0, |it| it.definition.0) + 1);
        let mode = if version.0 == 1 { DefineMode::Create } else { DefineMode::Update };
        let added = Arc::new(definition(pipeline));
        snapshot.definitions.insert(version, added.clone());
        let request = Request::Define { version, mode };
        let mut commit = decided(&snapshot, &command(id, &name(pipeline), request));
        commit.definition = Some((version, added));
        commit
    }

    /// Defines the pipeline.
    pub(super) async fn define(&self, pipeline: &str) {
        let version = self.load(pipeline, &[]).await.versions.pipeline;
        let commit = self.definition(pipeline, &format!("define-{version}")).await;
        self.store.commit(commit).await.expect("defining");
    }

    /// The commit that starts an execution.
    pub(super) async fn starting(&self, pipeline: &str, id: &str) -> (ExecutionId, Commit) {
        let (execution, command) = start(id, &name(pipeline));
        (execution, decided(&self.load(pipeline, &[]).await, &command))
    }

    /// The commit that starts an execution for a delivery.
    pub(super) async fn delivering(&self, pipeline: &str, delivery: &str) -> Commit {
        let (_, command) = start_from(delivery, &name(pipeline));
        let mut commit = decided(&self.load(pipeline, &[]).await, &command);
        commit.admission = Some(name(delivery));
        commit
    }

    /// Starts an execution.
    pub(super) async fn start(&self, pipeline: &str, id: &str) -> ExecutionId {
        let (execution, commit) = self.starting(pipeline, id).await;
        self.store.commit(commit).await.expect("starting");
        execution
    }

    /// The commit that ends an execution, all at once.
    pub(super) async fn ending(&self, execution: &ExecutionId, command: &str) -> Commit {
        let pipeline = self.store.pipeline_of(execution).await.expect("finding").expect("an execution");
        let snapshot = self.load(pipeline.as_str(), std::slice::from_ref(execution)).await;
        let mut ended: Execution = (*snapshot.state.executions[execution]).clone();
        ended.status = ExecutionStatus::Succeeded;
        ended.position = Position::Ended;
        ended.ended_at = Some(NOW);
        ended.stages.clear();
        let change = change_of(&ended, snapshot.versions.executions[execution]);
        commit(&pipeline, command, vec![change])
    }

    /// Ends an execution.
    pub(super) async fn end(&self, execution: &ExecutionId) {
        let commit = self.ending(execution, &format!("end-{execution}")).await;
        self.store.commit(commit).await.expect("ending");
    }

    /// Everything that can be read of the pipeline, to compare before and after.
    pub(super) async fn everything(&self, pipeline: &str) -> (State, u64, BTreeMap<ExecutionId, u64>, usize) {
        let page = self.store.executions(&name(pipeline), None, 100).await.expect("listing");
        let ids: Vec<ExecutionId> = page.iter().map(|execution| execution.id.clone()).collect();
        let snapshot = self.load(pipeline, &ids).await;
        let mut records = 0;
        for id in &ids {
            records += self.store.records(id, 0, 100).await.expect("records").len();
        }
        (snapshot.state, snapshot.versions.pipeline, snapshot.versions.executions, records)
    }
}

/// A change of an execution.
pub(super) fn change_of(execution: &Execution, expected: u64) -> Change {
    let (open, next_due) = (is_open(execution), next_due(execution));
    let item = ItemState::Execution { execution: Arc::new(execution.clone()), open, next_due };
    Change { expected, item, events: vec![] }
}

/// A change of a pipeline's item.
pub(super) fn change_of_pipeline(state: PipelineState, expected: u64) -> Change {
    Change { expected, item: ItemState::Pipeline(Arc::new(state)), events: vec![] }
}

pub(super) fn commit(pipeline: &PipelineName, id: &str, changes: Vec<Change>) -> Commit {
    Commit {
        pipeline: pipeline.clone(),
        command: name(id),
        changes,
        admission: None,
        definition: None,
        at: NOW,
    }
}

/// The commit of what the engine decides.
fn decided(snapshot: &Snapshot, command: &Command) -> Commit {
    let Decision { events, state, rejection, .. } =
        decide(&snapshot.definitions, &snapshot.state, command, NOW);
    assert_eq!(rejection, None, "the engine accepts {}", command.id);
    let mut changes: Vec<Change> = state
        .executions
        .iter()
        .filter(|(id, execution)| snapshot.state.executions.get(*id) != Some(*execution))
        .map(|(id, execution)| {
            let expected = snapshot.versions.executions.get(id).copied().unwrap_or(0);
            let own = |event: &&Event| event.fact.execution() == Some(id);
            Change { events: events.iter().filter(own).cloned().collect(), ..change_of(execution, expected) }
        })
        .collect();
    if let Some(item) = state.pipeline.filter(|item| snapshot.state.pipeline.as_ref() != Some(item)) {
        let own = |event: &&Event| event.fact.execution().is_none();
        let own = events.iter().filter(own).cloned().collect();
        changes
            .push(Change { events: own, ..change_of_pipeline((*item).clone(), snapshot.versions.pipeline) });
    }
    commit(&command.pipeline, command.id.as_str(), changes)
}

/// Whether the commit met another change.
pub(super) fn is_conflict(result: &Result<(), CommitError>) -> bool {
    matches!(result, Err(CommitError::Conflict))
}
