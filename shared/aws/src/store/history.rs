//! What people page through: pipelines, executions, records.

use std::collections::BTreeMap;
use std::sync::Arc;

use penstock_app::engine::state::Execution;
use penstock_app::port::PortError;
use penstock_app::port::store::{Pipelines, Record, Unreadable};
use penstock_model::id::{ExecutionId, PipelineName};

use super::TableStore;
use super::encode::{read_execution, read_pipeline, read_pipeline_name, read_record, read_sequence};
use super::item::{Attributes, Stored, sound};
use super::key::{Key, PIPELINES, Range, pipeline_in};
use super::table::pause;

/// How often an execution is looked for that moves between the open and the closed ones.
const LOOKS: u32 = 5;

type Executions = BTreeMap<ExecutionId, (u64, Arc<Execution>)>;

/// The pipeline whose item `item` is and cannot be read; it is told of each time.
fn unreadable(item: &Attributes, error: PortError) -> Option<Unreadable> {
    let name = PipelineName::new(pipeline_in(Stored::of_any_release(item).pk())?).ok()?;
    tracing::error!(pipeline = %name, %error, "a pipeline cannot be read, and nothing is decided about it");
    Some(Unreadable { name, error })
}

impl TableStore {
    /// All pipelines that are not deleted, by name. Of a name no more is read than the key: whatever release wrote it, the
    /// pipeline's own item says whether it can be read.
    pub(super) async fn list(&self) -> Result<Pipelines, PortError> {
        const WHAT: &str = "list the pipelines";
        let names = self.table.query(WHAT, &Range::all_of(PIPELINES), usize::MAX).await?;
        let keys = sound(names.iter().map(|item| {
            let stored = Stored::of_any_release(item);
            let name = PipelineName::new(stored.sk());
            name.map(|name| Key::pipeline(&name)).map_err(|error| stored.damaged(&error.to_string()))
        }))?;
        let mut found = Pipelines::default();
        for item in self.table.get_all(WHAT, keys).await? {
            match Stored::new(&item).and_then(read_pipeline) {
                Ok((_, state, _)) if state.deleted => {}
                Ok((_, state, _)) => found.readable.push(state),
                Err(error) => found.unreadable.extend(unreadable(&item, error)),
            }
        }
        found.readable.sort_by(|one, other| one.name.cmp(&other.name));
        found.unreadable.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// A page of executions, newest first. It is complete or an error: whoever cleans up takes what is not there for
    /// what is not needed.
    pub(super) async fn page(
        &self,
        name: &PipelineName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Arc<Execution>>, PortError> {
        let Some(range) = Range::of_sequences(name, before) else {
            return Ok(vec![]);
        };
        let what = format!("list the executions of `{name}`");
        let items = self.table.query(&what, &range, limit).await?;
        let ids: Vec<ExecutionId> =
            items.iter().map(|item| read_sequence(Stored::new(item)?)).collect::<Result<_, _>>()?;
        let mut found = self.find_all(name, &ids).await?;
        Ok(ids.iter().filter_map(|id| found.remove(id)).map(|(_, execution)| execution).collect())
    }

    /// One execution of a pipeline.
    pub(super) async fn find(
        &self,
        name: &PipelineName,
        id: &ExecutionId,
    ) -> Result<Option<Arc<Execution>>, PortError> {
        let mut found = self.look_for(name, std::slice::from_ref(id)).await?;
        if found.is_empty() && self.owner(id).await?.as_ref() == Some(name) {
            found = self.find_all(name, std::slice::from_ref(id)).await?;
        }
        Ok(found.remove(id).map(|(_, execution)| execution))
    }

    /// Executions that exist, wherever they are.
    async fn find_all(&self, name: &PipelineName, ids: &[ExecutionId]) -> Result<Executions, PortError> {
        let mut found = Executions::new();
        for look in 0..LOOKS {
            pause(look).await;
            let missing: Vec<ExecutionId> =
                ids.iter().filter(|id| !found.contains_key(*id)).cloned().collect();
            found.extend(self.look_for(name, &missing).await?);
            if found.len() == ids.len() {
                return Ok(found);
            }
        }
        let message = format!("read executions of `{name}`: they change without a pause; try again");
        Err(PortError::transient(message))
    }

    /// One that moves between the two reads may be seen in both places, or in none.
    async fn look_for(&self, name: &PipelineName, ids: &[ExecutionId]) -> Result<Executions, PortError> {
        let keys = ids.iter().flat_map(|id| [Key::open(name, id), Key::closed(id)]);
        let items = self.table.get_all(&format!("read executions of `{name}`"), keys).await?;
        let mut found = Executions::new();
        for item in &items {
            let (version, execution) = read_execution(Stored::new(item)?)?;
            let is_newest = found.get(&execution.id).is_none_or(|(known, _)| *known < version);
            if execution.pipeline == *name && is_newest {
                found.insert(execution.id.clone(), (version, execution));
            }
        }
        Ok(found)
    }

    /// The pipeline that an execution belongs to: its first record says so.
    pub(super) async fn owner(&self, id: &ExecutionId) -> Result<Option<PipelineName>, PortError> {
        let item = self.table.get("find the execution's pipeline", Key::first_record(id)).await?;
        item.map(|item| read_pipeline_name(Stored::new(&item)?)).transpose()
    }

    /// The records of an execution after version `after`.
    pub(super) async fn history(
        &self,
        id: &ExecutionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Record>, PortError> {
        let what = format!("read the history of {id}");
        let items = self.table.query(&what, &Range::of_records(id, after), limit).await?;
        items.iter().map(|item| read_record(Stored::new(item)?)).collect()
    }
}
