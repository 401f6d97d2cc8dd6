//! What is due, by the sparse index over open executions: one query a shard, all at once.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use penstock_app::port::PortError;
use penstock_model::id::PipelineName;
use penstock_model::time::Timestamp;

use super::TableStore;
use super::key::pipeline_in;
use super::schema::{DUE_SHARDS, NEVER, PK};

impl TableStore {
    /// Pipelines with open executions that are due by `until`, by name.
    pub(super) async fn due_by(&self, until: Timestamp) -> Result<Vec<PipelineName>, PortError> {
        let shards = try_join_all((0..DUE_SHARDS).map(|shard| self.table.due(shard, until.0))).await?;
        let mut names = BTreeSet::new();
        for item in shards.iter().flatten() {
            let name = item.get(PK).and_then(|pk| pk.as_s().ok()).and_then(|pk| pipeline_in(pk));
            let name = name.and_then(|name| PipelineName::new(name).ok());
            names.insert(name.ok_or_else(|| {
                PortError::permanent(
                    "find what is due: the index has an item that is of no pipeline; it was not written here",
                )
            })?);
        }
        Ok(names.into_iter().collect())
    }
}

/// What `due` with `all_open` asks for: every open execution has a moment, if only a far one.
pub(super) const ALL_OPEN: Timestamp = Timestamp(NEVER);
