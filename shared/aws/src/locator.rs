//! From a provider's id of some work to the attempt that it belongs to, for the observer of events.

use futures_util::future::try_join;
use penstock_app::port::PortError;
use penstock_app::port::store::Store;
use penstock_model::id::{AttemptId, PipelineName};

use crate::store::TableStore;
use crate::store::expiry::{expires_at, now};
use crate::store::item::{Draft, Stored};
use crate::store::key::Key;
use crate::store::schema::{EXPIRES_AT, KEPT};

const ATTEMPT: &str = "attempt";

/// Finds attempts by their providers' ids.
#[derive(Debug, Clone)]
pub struct Locator(TableStore);

/// An attempt that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// Its pipeline.
    pub pipeline: PipelineName,
    /// The attempt.
    pub attempt: AttemptId,
}

impl Locator {
    /// Finds what `store` was told of when attempts were started.
    pub fn new(store: TableStore) -> Self {
        Self(store)
    }

    /// The attempt that was last started under `id`, exactly as its provider's `External` had it; of one at
    /// `CloudFormation` the attempt's token is an id too.
    ///
    /// # Errors
    /// As the service gives them.
    pub async fn find(&self, id: &str) -> Result<Option<Located>, PortError> {
        let item = self.0.table.get("find the attempt of a provider's event", Key::external(id)).await?;
        let Some(item) = item else {
            return Ok(None);
        };
        let attempt: AttemptId = Stored::new(&item)?.parsed(ATTEMPT)?;
        let pipeline = self.0.pipeline_of(&attempt.execution).await?;
        Ok(pipeline.map(|pipeline| Located { pipeline, attempt }))
    }
}

impl TableStore {
    /// Remembers that a provider calls the work on `attempt` `id`.
    pub(crate) async fn remember(&self, attempt: &AttemptId, id: &str) -> Result<(), PortError> {
        let by_id = self.remember_as(attempt, id);
        // A stack is of many attempts and an attempt may replace its stack: what tells them apart is the token.
        if !id.contains(":cloudformation:") {
            return by_id.await;
        }
        try_join(by_id, self.remember_as(attempt, &attempt.token())).await.map(drop)
    }

    async fn remember_as(&self, attempt: &AttemptId, id: &str) -> Result<(), PortError> {
        let item = Draft::new(Key::external(id))
            .text(ATTEMPT, attempt.to_string())
            .number(EXPIRES_AT, expires_at(now(), KEPT))
            .finish()?;
        self.table.put(&format!("record the provider's id of {attempt}"), item).await
    }
}
