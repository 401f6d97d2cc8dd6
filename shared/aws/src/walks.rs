//! How far the latest walk through the artifact bucket came: the item `SWEEP` / `CLEAN-UP` of the one table.

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::clean_up::{Walk, Walks};
use penstock_model::time::Timestamp;

use crate::store::TableStore;
use crate::store::item::{Draft, Stored};
use crate::store::key::Key;

const BEGAN_AT: &str = "began_at";
const NEXT: &str = "next";

#[async_trait]
impl Walks for TableStore {
    async fn latest(&self) -> Result<Option<Walk>, PortError> {
        let item = self.table.get("read how far cleaning up came", key()).await?;
        item.map(|item| {
            let stored = Stored::new(&item)?;
            let began_at = Timestamp(stored.number(BEGAN_AT)?);
            Ok(Walk { began_at, next: stored.find(NEXT).map(str::to_owned) })
        })
        .transpose()
    }

    async fn remember(&self, walk: &Walk) -> Result<(), PortError> {
        let draft = Draft::new(key()).number(BEGAN_AT, walk.began_at.0);
        let draft = match &walk.next {
            Some(next) => draft.text(NEXT, next),
            None => draft,
        };
        self.table.put("remember how far cleaning up came", draft.finish()?).await
    }
}

fn key() -> Key {
    Key { pk: "SWEEP".to_owned(), sk: "CLEAN-UP".to_owned() }
}
