//! What the database holds of pipelines and open executions, decoded, so that a transition parses nothing.
//!
//! The folder is locked by one process and one thread writes, so this never disagrees with what is committed: it is
//! changed after a commit is durable and before anybody hears of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use penstock_app::engine::next_due;
use penstock_app::engine::state::{Execution, PipelineState};
use penstock_app::port::store::{Change, Commit, ItemState, Snapshot, Unreadable};
use penstock_model::id::{DefinitionVersion, ExecutionId, PipelineName};
use penstock_model::pipeline::Pipeline;
use penstock_model::time::Timestamp;

use super::DatabaseError;

/// As many closed executions are kept decoded: those that succeeded last in a stage are read by every transition.
const KEPT_CLOSED: usize = 128;

/// The decoded items.
#[derive(Default)]
pub(super) struct Cache(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    pipelines: HashMap<PipelineName, Entry>,
    owners: HashMap<ExecutionId, PipelineName>,
    due: BTreeSet<(Timestamp, ExecutionId)>,
    closed: HashMap<ExecutionId, (u64, Arc<Execution>)>,
    closed_order: VecDeque<ExecutionId>,
    /// Pipelines of which an item cannot be read, with the reason: nothing is decided about them.
    damaged: HashMap<PipelineName, String>,
}

#[derive(Default)]
struct Entry {
    item: Option<(u64, Arc<PipelineState>)>,
    open: BTreeMap<ExecutionId, Open>,
    definitions: BTreeMap<DefinitionVersion, Arc<Pipeline>>,
}

struct Open {
    version: u64,
    execution: Arc<Execution>,
    next_due: Option<Timestamp>,
}

impl Cache {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a pipeline's item.
    pub(super) fn put_pipeline(&self, version: u64, item: Arc<PipelineState>) {
        let name = item.name.clone();
        self.lock().pipelines.entry(name).or_default().item = Some((version, item));
    }

    /// Notes that an item of a pipeline cannot be read.
    pub(super) fn put_damaged(&self, pipeline: PipelineName, reason: String) {
        self.lock().damaged.insert(pipeline, reason);
    }

    /// An error if an item of the pipeline cannot be read.
    pub(super) fn is_sound(&self, pipeline: &PipelineName) -> Result<(), DatabaseError> {
        match self.lock().damaged.get(pipeline) {
            Some(reason) => Err(DatabaseError::Damaged(reason.clone())),
            None => Ok(()),
        }
    }

    /// Takes in an execution's item.
    pub(super) fn put_execution(
        &self,
        version: u64,
        execution: Arc<Execution>,
        open: bool,
        next_due: Option<Timestamp>,
    ) {
        self.lock().put_execution(version, execution, open, next_due);
    }

    /// Takes in a definition version.
    pub(super) fn put_definition(
        &self,
        pipeline: &PipelineName,
        version: DefinitionVersion,
        definition: Arc<Pipeline>,
    ) {
        self.lock().pipelines.entry(pipeline.clone()).or_default().definitions.insert(version, definition);
    }

    /// Takes in what was committed.
    pub(super) fn committed(&self, commit: Commit) {
        let mut inner = self.lock();
        if let Some((version, definition)) = commit.definition {
            inner
                .pipelines
                .entry(commit.pipeline.clone())
                .or_default()
                .definitions
                .insert(version, definition);
        }
        for Change { expected, item, .. } in commit.changes {
            match item {
                ItemState::Pipeline(item) => {
                    inner.pipelines.entry(commit.pipeline.clone()).or_default().item =
                        Some((expected + 1, item));
                }
                ItemState::Execution { execution, open, next_due } => {
                    inner.put_execution(expected + 1, execution, open, next_due);
                }
            }
        }
    }

    /// The state of a pipeline as far as it is here, and which closed executions of it must be read.
    pub(super) fn snapshot(
        &self,
        pipeline: &PipelineName,
        named: &[ExecutionId],
    ) -> (Snapshot, Vec<ExecutionId>) {
        let inner = self.lock();
        let mut snapshot = Snapshot::default();
        let mut missing = vec![];
        let Some(entry) = inner.pipelines.get(pipeline) else { return (snapshot, missing) };
        for (id, open) in &entry.open {
            snapshot.state.executions.insert(id.clone(), Arc::clone(&open.execution));
            snapshot.versions.executions.insert(id.clone(), open.version);
        }
        let mut wanted: BTreeSet<&ExecutionId> = named.iter().collect();
        if let Some((version, item)) = &entry.item {
            snapshot.versions.pipeline = *version;
            snapshot.state.pipeline = Some(Arc::clone(item));
            wanted.extend(item.stages.values().filter_map(|stage| stage.last_success.as_ref()));
        }
        for id in wanted {
            if snapshot.state.executions.contains_key(id) {
                continue;
            }
            match inner.closed.get(id) {
                Some((_, execution)) if execution.pipeline != *pipeline => {}
                Some((version, execution)) => {
                    snapshot.versions.executions.insert(id.clone(), *version);
                    snapshot.state.executions.insert(id.clone(), Arc::clone(execution));
                }
                None => missing.push(id.clone()),
            }
        }
        for version in pinned(&snapshot) {
            if let Some(definition) = entry.definitions.get(&version) {
                snapshot.definitions.insert(version, Arc::clone(definition));
            }
        }
        (snapshot, missing)
    }

    /// A pipeline's item.
    pub(super) fn pipeline(&self, name: &PipelineName) -> Option<Arc<PipelineState>> {
        self.lock().pipelines.get(name).and_then(|entry| Some(Arc::clone(&entry.item.as_ref()?.1)))
    }

    /// All pipelines' items, by name.
    pub(super) fn pipelines(&self) -> Vec<Arc<PipelineState>> {
        let inner = self.lock();
        let sound = inner.pipelines.iter().filter(|(name, _)| !inner.damaged.contains_key(*name));
        let mut items: Vec<_> =
            sound.filter_map(|(_, entry)| Some(Arc::clone(&entry.item.as_ref()?.1))).collect();
        items.sort_by(|left, right| left.name.cmp(&right.name));
        items
    }

    /// The pipelines of which an item cannot be read, by name.
    pub(super) fn unreadable(&self) -> Vec<Unreadable> {
        let damaged = &self.lock().damaged;
        let named = |(name, reason): (&PipelineName, &String)| Unreadable {
            name: name.clone(),
            error: DatabaseError::Damaged(reason.clone()).into(),
        };
        let mut found: Vec<_> = damaged.iter().map(named).collect();
        found.sort_by(|left, right| left.name.cmp(&right.name));
        found
    }

    /// A definition version.
    pub(super) fn definition(
        &self,
        pipeline: &PipelineName,
        version: DefinitionVersion,
    ) -> Option<Arc<Pipeline>> {
        self.lock().pipelines.get(pipeline)?.definitions.get(&version).cloned()
    }

    /// An execution, open or recently closed.
    pub(super) fn execution(&self, id: &ExecutionId) -> Option<Arc<Execution>> {
        let inner = self.lock();
        let open = inner.owners.get(id).and_then(|owner| inner.pipelines.get(owner)?.open.get(id));
        open.map(|open| &open.execution).or_else(|| Some(&inner.closed.get(id)?.1)).cloned()
    }

    /// The pipelines in which something is due, or that have anything open.
    pub(super) fn due(&self, now: Timestamp, all_open: bool) -> Vec<PipelineName> {
        let inner = self.lock();
        let names: BTreeSet<PipelineName> = if all_open {
            let open = inner.pipelines.iter().filter(|(_, entry)| !entry.open.is_empty());
            open.map(|(name, _)| name.clone()).collect()
        } else {
            let due = inner.due.iter().take_while(|(at, _)| *at <= now);
            due.filter_map(|(_, id)| inner.owners.get(id).cloned()).collect()
        };
        names.into_iter().filter(|name| !inner.damaged.contains_key(name)).collect()
    }

    /// When something is due next in a pipeline that `counts` names.
    pub(super) fn next_due(&self, counts: impl Fn(&PipelineName) -> bool) -> Option<Timestamp> {
        let inner = self.lock();
        let counts = |owner: &PipelineName| !inner.damaged.contains_key(owner) && counts(owner);
        inner.due.iter().find(|(_, id)| inner.owners.get(id).is_some_and(counts)).map(|(at, _)| *at)
    }

    /// The versions of the open executions of `pipeline`.
    pub(super) fn open_versions(&self, pipeline: &PipelineName) -> OpenVersions {
        let inner = self.lock();
        let open = inner.pipelines.get(pipeline).map(|entry| entry.open.iter());
        open.into_iter().flatten().map(|(id, open)| (id.clone(), open.version)).collect()
    }

    /// Takes from the state when something is due in the open executions of `pipeline` that still have these versions.
    pub(super) fn count_anew(&self, pipeline: &PipelineName, versions: &OpenVersions) {
        let inner = &mut *self.lock();
        let Some(entry) = inner.pipelines.get_mut(pipeline) else { return };
        for (id, open) in &mut entry.open {
            if versions.get(id) != Some(&open.version) {
                continue;
            }
            let due = next_due(&open.execution);
            if due != open.next_due {
                inner.due.extend(due.map(|at| (at, id.clone())));
                if let Some(at) = std::mem::replace(&mut open.next_due, due) {
                    inner.due.remove(&(at, id.clone()));
                }
            }
        }
    }
}

/// Which version each open execution of a pipeline has.
pub(crate) type OpenVersions = BTreeMap<ExecutionId, u64>;

impl Inner {
    fn put_execution(
        &mut self,
        version: u64,
        execution: Arc<Execution>,
        open: bool,
        next_due: Option<Timestamp>,
    ) {
        let id = execution.id.clone();
        let entry = self.pipelines.entry(execution.pipeline.clone()).or_default();
        if let Some(at) = entry.open.remove(&id).and_then(|before| before.next_due) {
            self.due.remove(&(at, id.clone()));
        }
        if open {
            if let Some(at) = next_due {
                self.due.insert((at, id.clone()));
            }
            if self.closed.remove(&id).is_some() {
                self.closed_order.retain(|closed| *closed != id);
            }
            self.owners.insert(id.clone(), execution.pipeline.clone());
            entry.open.insert(id, Open { version, execution, next_due });
            return;
        }
        self.owners.remove(&id);
        if self.closed.insert(id.clone(), (version, execution)).is_none() {
            self.closed_order.push_back(id);
        }
        if self.closed_order.len() > KEPT_CLOSED
            && let Some(oldest) = self.closed_order.pop_front()
        {
            self.closed.remove(&oldest);
        }
    }
}

/// The definition versions that a state pins, and the latest.
pub(super) fn pinned(snapshot: &Snapshot) -> BTreeSet<DefinitionVersion> {
    let executions = snapshot.state.executions.values().map(|execution| execution.definition);
    executions.chain(snapshot.state.pipeline.as_ref().map(|item| item.definition)).collect()
}
