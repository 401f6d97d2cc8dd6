//! The store in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use penstock_app::port::store::{
    Change, Commit, CommitError, ItemState, Pipelines, Record, Snapshot, Store, Unreadable,
};
use penstock_app::port::{PortError, WRITTEN_BY_A_NEWER_RELEASE};
use penstock_engine::event::Item;
use penstock_engine::state::{Execution, PipelineState};
use penstock_model::id::{CommandId, DefinitionVersion, DeliveryId, ExecutionId, PipelineName};
use penstock_model::pipeline::Pipeline;
use penstock_model::time::Timestamp;
use serde_json::{from_str, to_string};

use super::locked;

/// The store in memory. What it keeps has been through JSON, as in any real one.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Shelves>);

#[derive(Debug, Default)]
struct Shelves {
    pipelines: BTreeMap<PipelineName, Stored<PipelineState>>,
    executions: BTreeMap<ExecutionId, Stored<Execution>>,
    definitions: BTreeMap<(PipelineName, DefinitionVersion), Arc<Pipeline>>,
    admissions: BTreeSet<(PipelineName, DeliveryId)>,
    records: Vec<Record>,
    quarantined: Vec<(String, String)>,
    newer: BTreeSet<PipelineName>,
}

#[derive(Debug)]
struct Stored<T> {
    version: u64,
    writer: CommandId,
    item: Arc<T>,
    open: bool,
    next_due: Option<Timestamp>,
}

impl MemoryStore {
    /// All records in the order of their commits.
    pub fn all_records(&self) -> Vec<Record> {
        locked(&self.0).records.clone()
    }

    /// Makes the item of `pipeline` one that a newer release wrote, or, with `false`, one of this release again.
    pub fn set_newer(&self, pipeline: &PipelineName, is_newer: bool) {
        let newer = &mut locked(&self.0).newer;
        let _was = if is_newer { newer.insert(pipeline.clone()) } else { newer.remove(pipeline) };
    }

    /// What was put aside, with the reasons.
    pub fn quarantined(&self) -> Vec<(String, String)> {
        locked(&self.0).quarantined.clone()
    }
}

impl Shelves {
    fn is_readable(&self, pipeline: &PipelineName) -> Result<(), PortError> {
        if self.newer.contains(pipeline) { Err(of_a_newer_release(pipeline)) } else { Ok(()) }
    }

    fn version(&self, pipeline: &PipelineName, item: &Item) -> u64 {
        match item {
            Item::Pipeline => self.pipelines.get(pipeline).map_or(0, |stored| stored.version),
            Item::Execution(id) => self.executions.get(id).map_or(0, |stored| stored.version),
        }
    }

    fn writer(&self, pipeline: &PipelineName, item: &Item) -> Option<&CommandId> {
        match item {
            Item::Pipeline => self.pipelines.get(pipeline).map(|stored| &stored.writer),
            Item::Execution(id) => self.executions.get(id).map(|stored| &stored.writer),
        }
    }

    /// Whether this very commit has landed already.
    fn has_landed(&self, commit: &Commit) -> bool {
        let landed = |change: &Change| {
            let item = item_of(change);
            self.version(&commit.pipeline, &item) == change.expected + 1
                && self.writer(&commit.pipeline, &item) == Some(&commit.command)
        };
        !commit.changes.is_empty() && commit.changes.iter().all(landed)
    }

    fn fits(&self, commit: &Commit) -> bool {
        let admission = commit.admission.as_ref().map(|delivery| (commit.pipeline.clone(), delivery.clone()));
        let definition = commit.definition.as_ref().map(|(version, _)| (commit.pipeline.clone(), *version));
        commit
            .changes
            .iter()
            .all(|change| self.version(&commit.pipeline, &item_of(change)) == change.expected)
            && admission.is_none_or(|key| !self.admissions.contains(&key))
            && definition.is_none_or(|key| !self.definitions.contains_key(&key))
    }

    fn write(&mut self, commit: Commit) -> Result<(), PortError> {
        for change in commit.changes {
            let version = change.expected + 1;
            let writer = commit.command.clone();
            let execution = match change.item {
                ItemState::Pipeline(item) => {
                    let item = reread(item.as_ref())?;
                    let stored = Stored { version, writer, item, open: false, next_due: None };
                    self.pipelines.insert(commit.pipeline.clone(), stored);
                    None
                }
                ItemState::Execution { execution, open, next_due } => {
                    let id = execution.id.clone();
                    let stored =
                        Stored { version, writer, item: reread(execution.as_ref())?, open, next_due };
                    self.executions.insert(id.clone(), stored);
                    Some(id)
                }
            };
            let (pipeline, command, at) = (commit.pipeline.clone(), commit.command.clone(), commit.at);
            let events = change.events;
            self.records.push(Record { pipeline, execution, version, command, at, events });
        }
        self.admissions.extend(commit.admission.map(|delivery| (commit.pipeline.clone(), delivery)));
        self.definitions.extend(commit.definition.map(|(version, it)| ((commit.pipeline, version), it)));
        Ok(())
    }

    fn snapshot(&self, pipeline: &PipelineName, named: &[ExecutionId]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        if let Some(stored) = self.pipelines.get(pipeline) {
            snapshot.versions.pipeline = stored.version;
            snapshot.state.pipeline = Some(stored.item.clone());
        }
        let stages = snapshot.state.pipeline.iter().flat_map(|state| state.stages.values());
        let wanted: BTreeSet<ExecutionId> =
            stages.filter_map(|stage| stage.last_success.clone()).chain(named.iter().cloned()).collect();
        for (id, stored) in &self.executions {
            if stored.item.pipeline == *pipeline && (stored.open || wanted.contains(id)) {
                snapshot.versions.executions.insert(id.clone(), stored.version);
                snapshot.state.executions.insert(id.clone(), stored.item.clone());
            }
        }
        let pinned = snapshot.state.executions.values().map(|execution| execution.definition);
        let latest = snapshot.state.pipeline.as_ref().map(|state| state.definition);
        for version in pinned.chain(latest).collect::<BTreeSet<_>>() {
            if let Some(definition) = self.definitions.get(&(pipeline.clone(), version)) {
                snapshot.definitions.insert(version, definition.clone());
            }
        }
        snapshot
    }
}

fn of_a_newer_release(pipeline: &PipelineName) -> PortError {
    PortError::transient(format!("read the pipeline `{pipeline}`: {WRITTEN_BY_A_NEWER_RELEASE}"))
}

fn item_of(change: &Change) -> Item {
    match &change.item {
        ItemState::Pipeline(_) => Item::Pipeline,
        ItemState::Execution { execution, .. } => Item::Execution(execution.id.clone()),
    }
}

fn reread<T: serde::Serialize + serde::de::DeserializeOwned>(item: &T) -> Result<Arc<T>, PortError> {
    let text = to_string(item).map_err(|error| PortError::permanent(format!("write an item: {error}")))?;
    let item = from_str(&text).map_err(|error| PortError::permanent(format!("read an item: {error}")))?;
    Ok(Arc::new(item))
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self, pipeline: &PipelineName, named: &[ExecutionId]) -> Result<Snapshot, PortError> {
        let shelves = locked(&self.0);
        shelves.is_readable(pipeline)?;
        Ok(shelves.snapshot(pipeline, named))
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        let mut shelves = locked(&self.0);
        if shelves.has_landed(&commit) {
            return Ok(());
        }
        if !shelves.fits(&commit) {
            return Err(CommitError::Conflict);
        }
        Ok(shelves.write(commit)?)
    }

    async fn pipelines(&self) -> Result<Pipelines, PortError> {
        let shelves = locked(&self.0);
        let newer = |name: &&PipelineName| shelves.newer.contains(*name);
        let unreadable = shelves.pipelines.keys().filter(newer);
        let readable = shelves.pipelines.values().map(|it| &it.item);
        let readable = readable.filter(|it| !it.deleted && !shelves.newer.contains(&it.name));
        Ok(Pipelines {
            readable: readable.cloned().collect(),
            unreadable: unreadable
                .map(|name| Unreadable { name: name.clone(), error: of_a_newer_release(name) })
                .collect(),
        })
    }

    async fn pipeline(&self, pipeline: &PipelineName) -> Result<Option<Arc<PipelineState>>, PortError> {
        let shelves = locked(&self.0);
        shelves.is_readable(pipeline)?;
        Ok(shelves.pipelines.get(pipeline).map(|stored| stored.item.clone()))
    }

    async fn definition(
        &self,
        pipeline: &PipelineName,
        version: DefinitionVersion,
    ) -> Result<Option<Arc<Pipeline>>, PortError> {
        Ok(locked(&self.0).definitions.get(&(pipeline.clone(), version)).cloned())
    }

    async fn execution(
        &self,
        pipeline: &PipelineName,
        id: &ExecutionId,
    ) -> Result<Option<Arc<Execution>>, PortError> {
        let shelves = locked(&self.0);
        Ok(shelves.executions.get(id).map(|stored| stored.item.clone()).filter(|it| it.pipeline == *pipeline))
    }

    async fn pipeline_of(&self, id: &ExecutionId) -> Result<Option<PipelineName>, PortError> {
        Ok(locked(&self.0).executions.get(id).map(|stored| stored.item.pipeline.clone()))
    }

    async fn executions(
        &self,
        pipeline: &PipelineName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Arc<Execution>>, PortError> {
        let shelves = locked(&self.0);
        let own =
            shelves.executions.values().map(|stored| &stored.item).filter(|it| it.pipeline == *pipeline);
        let mut page: Vec<_> =
            own.filter(|it| before.is_none_or(|before| it.sequence < before)).cloned().collect();
        page.sort_by_key(|execution| std::cmp::Reverse(execution.sequence));
        page.truncate(limit);
        Ok(page)
    }

    async fn records(
        &self,
        execution: &ExecutionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Record>, PortError> {
        let shelves = locked(&self.0);
        let own = shelves.records.iter().filter(|record| record.execution.as_ref() == Some(execution));
        Ok(own.filter(|record| record.version > after).take(limit).cloned().collect())
    }

    async fn due(&self, now: Timestamp, all_open: bool) -> Result<Vec<PipelineName>, PortError> {
        let shelves = locked(&self.0);
        let is_due =
            |it: &&Stored<Execution>| it.open && (all_open || it.next_due.is_some_and(|at| at <= now));
        let due: BTreeSet<_> =
            shelves.executions.values().filter(is_due).map(|it| it.item.pipeline.clone()).collect();
        Ok(due.into_iter().collect())
    }

    async fn quarantine(&self, what: &str, reason: &str) -> Result<(), PortError> {
        locked(&self.0).quarantined.push((what.to_owned(), reason.to_owned()));
        Ok(())
    }
}
