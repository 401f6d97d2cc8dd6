//! What is due, by the sparse index over open executions: one query a shard, all at once.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use penstock_app::port::PortError;
use penstock_model::id::PipelineName;
use penstock_model::time::Timestamp;

use super::TableStore;
use super::item::Attributes;
use super::key::pipeline_in;
use super::schema::{DUE_AT, DUE_SHARDS, NEVER, PK};

impl TableStore {
    /// Pipelines with open executions that are due by `until`, by name.
    pub(super) async fn due_by(&self, until: Timestamp) -> Result<Vec<PipelineName>, PortError> {
        let shards = try_join_all((0..DUE_SHARDS).map(|shard| self.table.due(shard, until.0))).await?;
        let names: BTreeSet<PipelineName> = shards.iter().flatten().map(name_in).collect::<Result<_, _>>()?;
        Ok(names.into_iter().collect())
    }
}

impl TableStore {
    /// Pipelines in which something is due by `now`, by name, with the moment since when.
    ///
    /// # Errors
    /// As the service gives them.
    pub async fn due_since(&self, now: Timestamp) -> Result<Vec<(PipelineName, Timestamp)>, PortError> {
        let shards = try_join_all((0..DUE_SHARDS).map(|shard| self.table.due(shard, now.0))).await?;
        let mut found: BTreeMap<PipelineName, Timestamp> = BTreeMap::new();
        for item in shards.iter().flatten() {
            let since = item.get(DUE_AT).and_then(|at| at.as_n().ok()).and_then(|at| at.parse().ok());
            let since = Timestamp(since.unwrap_or(now.0));
            let earliest = found.entry(name_in(item)?).or_insert(since);
            *earliest = (*earliest).min(since);
        }
        Ok(found.into_iter().collect())
    }
}

/// The pipeline of an open execution.
fn name_in(item: &Attributes) -> Result<PipelineName, PortError> {
    let name = item.get(PK).and_then(|pk| pk.as_s().ok()).and_then(|pk| pipeline_in(pk));
    name.and_then(|name| PipelineName::new(name).ok()).ok_or_else(|| {
        PortError::permanent(
            "find what is due: the index has an item that is of no pipeline; it was not written here",
        )
    })
}

/// What `due` with `all_open` asks for: every open execution has a moment, if only a far one.
pub(super) const ALL_OPEN: Timestamp = Timestamp(NEVER);
