//! What is due, by the sparse index over open executions: one query a shard, all at once.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use penstock_app::port::PortError;
use penstock_model::id::PipelineName;
use penstock_model::time::Timestamp;

use super::TableStore;
use super::item::{Attributes, sound};
use super::key::pipeline_in;
use super::schema::{DUE_AT, DUE_SHARDS, NEVER, PK, SK};

impl TableStore {
    /// Pipelines with open executions that are due by `until`, by name.
    pub(super) async fn due_by(&self, until: Timestamp) -> Result<Vec<PipelineName>, PortError> {
        let shards = try_join_all((0..DUE_SHARDS).map(|shard| self.table.due(shard, until.0))).await?;
        let names: BTreeSet<PipelineName> =
            sound(shards.iter().flatten().map(name_in))?.into_iter().collect();
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
        let since = |item: &Attributes| item.get(DUE_AT)?.as_n().ok()?.parse().ok().map(Timestamp);
        let named = |item| name_in(item).map(|name| (name, since(item).unwrap_or(now)));
        for (name, since) in sound(shards.iter().flatten().map(named))? {
            let earliest = found.entry(name).or_insert(since);
            *earliest = (*earliest).min(since);
        }
        Ok(found.into_iter().collect())
    }
}

/// The pipeline of an open execution.
fn name_in(item: &Attributes) -> Result<PipelineName, PortError> {
    let part = |name: &str| item.get(name).and_then(|it| it.as_s().ok()).map_or("", String::as_str);
    let name = pipeline_in(part(PK)).and_then(|name| PipelineName::new(name).ok());
    name.ok_or_else(|| {
        PortError::permanent(format!(
            "find what is due: the index has the item {} / {}, which is of no pipeline; it was not written here",
            part(PK),
            part(SK)
        ))
    })
}

/// What `due` with `all_open` asks for: every open execution has a moment, if only a far one.
pub(super) const ALL_OPEN: Timestamp = Timestamp(NEVER);
