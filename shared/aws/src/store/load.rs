//! What a decision reads: mostly two calls, one for the pipeline's item and its open executions, one for the rest.
//!
//! A query is no snapshot: while a transaction is under way, some of its items may be read as before it and some as
//! after it. The pipeline's item decides. Whatever changes where executions stand writes it, so a decision on an older
//! one than the executions' fails on its version. It must only never be newer than they are: an execution could wait
//! for a stage that has been left already, and nobody would wake it. Therefore the pipeline's item is read first and
//! names the executions that were written together with it; if one of them is read as it was before, all is read anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use penstock_app::engine::state::{Execution, PipelineState};
use penstock_app::port::PortError;
use penstock_app::port::store::Snapshot;
use penstock_model::id::{DefinitionVersion, ExecutionId, PipelineName};
use penstock_model::pipeline::Pipeline;

use super::TableStore;
use super::encode::{Left, read_definition, read_execution, read_pipeline, read_pipeline_name};
use super::item::{Attributes, Stored};
use super::key::{Key, Range};
use super::table::pause;

/// How often all is read anew while transactions are under way.
const READS: u32 = 10;

type Executions = BTreeMap<ExecutionId, (u64, Arc<Execution>)>;
type Definitions = BTreeMap<DefinitionVersion, Arc<Pipeline>>;

impl TableStore {
    pub(super) async fn read(
        &self,
        name: &PipelineName,
        named: &[ExecutionId],
    ) -> Result<Snapshot, PortError> {
        for repetition in 0..READS {
            pause(repetition).await;
            if let Some(snapshot) = self.read_once(name, named).await? {
                return Ok(snapshot);
            }
        }
        Err(PortError::transient(format!("{}: it changes without a pause; try again", reading(name))))
    }

    /// `None` if a transaction under way was seen in part.
    async fn read_once(
        &self,
        name: &PipelineName,
        named: &[ExecutionId],
    ) -> Result<Option<Snapshot>, PortError> {
        let items = self.table.query(&reading(name), &Range::of_pipeline(name), usize::MAX).await?;
        let seen = Seen::read(name, &items)?;
        let wanted = Wanted::of(&seen, named);
        let rest = self.read_rest(name, &seen, &wanted).await?;
        if !rest.completes(&wanted) || seen.together.iter().any(|left| rest.is_stale(&seen, left)) {
            return Ok(None);
        }
        let mut executions = seen.open;
        executions.extend(rest.closed.into_iter().filter(|(id, _)| wanted.asked.contains(id)));
        self.snapshot(name, seen.pipeline, executions).await.map(Some)
    }

    /// What is not among the open executions, with the definitions that are surely needed.
    async fn read_rest(&self, name: &PipelineName, seen: &Seen, wanted: &Wanted) -> Result<Rest, PortError> {
        let pinned = seen.open.values().map(|(_, execution)| execution.definition);
        let latest = seen.pipeline.as_ref().map(|(_, state)| state.definition);
        let definitions = self.unknown(name, pinned.chain(latest));
        let closed = wanted.asked.union(&wanted.certain).map(Key::closed);
        let keys = closed
            .chain(wanted.doubtful().map(Key::first_record))
            .chain(definitions.into_iter().map(|version| Key::definition(name, version)));
        let items = self.table.get_all(&reading(name), keys).await?;
        let rest = Rest::read(name, &items)?;
        self.keep(name, &rest.definitions);
        Ok(rest)
    }

    async fn snapshot(
        &self,
        name: &PipelineName,
        pipeline: Option<(u64, Arc<PipelineState>)>,
        executions: Executions,
    ) -> Result<Snapshot, PortError> {
        let pinned = executions.values().map(|(_, execution)| execution.definition);
        let latest = pipeline.as_ref().map(|(_, state)| state.definition);
        let definitions = self.definitions_of(name, pinned.chain(latest).collect()).await?;
        let mut snapshot = Snapshot { definitions, ..Snapshot::default() };
        if let Some((version, state)) = pipeline {
            snapshot.versions.pipeline = version;
            snapshot.state.pipeline = Some(state);
        }
        for (id, (version, execution)) in executions {
            snapshot.versions.executions.insert(id.clone(), version);
            snapshot.state.executions.insert(id, execution);
        }
        Ok(snapshot)
    }

    /// These definitions, from memory as far as they are known.
    pub(super) async fn definitions_of(
        &self,
        name: &PipelineName,
        versions: BTreeSet<DefinitionVersion>,
    ) -> Result<Definitions, PortError> {
        let unknown = self.unknown(name, versions.iter().copied());
        let keys = unknown.into_iter().map(|version| Key::definition(name, version));
        let items = self.table.get_all(&format!("read definitions of `{name}`"), keys).await?;
        let read: Definitions =
            items.iter().map(|item| read_definition(Stored::new(item)?)).collect::<Result<_, _>>()?;
        self.keep(name, &read);
        let known = |version| self.definitions.get(name, version).map(|definition| (version, definition));
        let known: Definitions = versions.into_iter().filter_map(known).collect();
        Ok(read.into_iter().chain(known).collect())
    }

    fn unknown(
        &self,
        name: &PipelineName,
        versions: impl Iterator<Item = DefinitionVersion>,
    ) -> BTreeSet<DefinitionVersion> {
        versions.filter(|version| self.definitions.get(name, *version).is_none()).collect()
    }

    fn keep(&self, name: &PipelineName, definitions: &Definitions) {
        for (version, definition) in definitions {
            self.definitions.keep(name, *version, definition.clone());
        }
    }
}

fn reading(name: &PipelineName) -> String {
    format!("read the pipeline `{name}`")
}

/// The first call's answer.
struct Seen {
    pipeline: Option<(u64, Arc<PipelineState>)>,
    together: Vec<Left>,
    open: Executions,
}

impl Seen {
    fn read(name: &PipelineName, items: &[Attributes]) -> Result<Self, PortError> {
        let mut seen = Self { pipeline: None, together: vec![], open: BTreeMap::new() };
        for item in items {
            let stored = Stored::new(item)?;
            if stored.sk() == Key::pipeline(name).sk {
                let (version, state, together) = read_pipeline(stored)?;
                seen.pipeline = Some((version, state));
                seen.together = together;
            } else {
                let (version, execution) = read_execution(stored)?;
                seen.open.insert(execution.id.clone(), (version, execution));
            }
        }
        Ok(seen)
    }
}

/// What the first call did not bring.
struct Wanted {
    /// Executions that belong into the snapshot if they exist.
    asked: BTreeSet<ExecutionId>,
    /// Executions that exist for certain: if one is not found, it moved between the two calls.
    certain: BTreeSet<ExecutionId>,
}

impl Wanted {
    fn of(seen: &Seen, named: &[ExecutionId]) -> Self {
        let absent = |id: &&ExecutionId| !seen.open.contains_key(*id);
        let stages = seen.pipeline.iter().flat_map(|(_, state)| state.stages.values());
        let successes: BTreeSet<ExecutionId> =
            stages.filter_map(|stage| stage.last_success.as_ref()).filter(absent).cloned().collect();
        let left_open = seen.together.iter().filter(|left| left.open).map(|left| &left.execution);
        Self {
            asked: named.iter().filter(absent).cloned().chain(successes.clone()).collect(),
            certain: left_open.filter(absent).cloned().chain(successes).collect(),
        }
    }

    /// Executions that a command names and that may never have been.
    fn doubtful(&self) -> impl Iterator<Item = &ExecutionId> {
        self.asked.difference(&self.certain)
    }
}

/// The second call's answer.
struct Rest {
    /// Closed executions of this pipeline.
    closed: Executions,
    /// Executions of this pipeline that have a first record.
    recorded: BTreeSet<ExecutionId>,
    definitions: Definitions,
}

impl Rest {
    fn read(name: &PipelineName, items: &[Attributes]) -> Result<Self, PortError> {
        let mut rest =
            Self { closed: BTreeMap::new(), recorded: BTreeSet::new(), definitions: BTreeMap::new() };
        for item in items {
            let stored = Stored::new(item)?;
            if stored.sk() == "EXECUTION" {
                let (version, execution) = read_execution(stored)?;
                if execution.pipeline == *name {
                    rest.closed.insert(execution.id.clone(), (version, execution));
                }
            } else if let Some(id) = super::key::execution_in(stored.pk()) {
                let id = ExecutionId::new(id).map_err(|error| stored.damaged(&error.to_string()))?;
                rest.recorded.extend((read_pipeline_name(stored)? == *name).then_some(id));
            } else {
                rest.definitions.extend([read_definition(stored)?]);
            }
        }
        Ok(rest)
    }

    /// Whether everything was found that exists.
    fn completes(&self, wanted: &Wanted) -> bool {
        let missing = |id: &ExecutionId| !self.closed.contains_key(id);
        !wanted.certain.iter().any(missing)
            && !wanted.doubtful().any(|id| missing(id) && self.recorded.contains(id))
    }

    /// Whether an execution was read as it was before the transaction that wrote the pipeline's item.
    fn is_stale(&self, seen: &Seen, left: &Left) -> bool {
        let read = seen.open.get(&left.execution).or_else(|| self.closed.get(&left.execution));
        read.is_some_and(|(version, _)| *version < left.version)
    }
}
