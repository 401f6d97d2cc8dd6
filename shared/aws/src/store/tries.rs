//! Tries of messages that may end the function itself, by its time or its memory: a try is noted before it begins, and that
//! it came to an end, well or badly, after it. One that was begun and has not ended was broken off.

use async_trait::async_trait;
use penstock_app::port::PortError;
use std::time::Duration;

use super::TableStore;
use super::expiry::{expires_at, now};
use super::item::{Draft, Stored};
use super::key::Key;
use super::schema::EXPIRES_AT;
use crate::queue::Tries;

/// A message is kept for fourteen days.
const KEPT: Duration = Duration::from_secs(15 * 24 * 3600);
const BROKEN_OFF: &str = "broken_off";
const UNDER_WAY: &str = "under_way";

impl TableStore {
    async fn note_try(&self, message: &str, broken_off: u32, under_way: bool) -> Result<(), PortError> {
        let item = Draft::new(Key::tries(message))
            .number(BROKEN_OFF, broken_off)
            .number(UNDER_WAY, u32::from(under_way))
            .number(EXPIRES_AT, expires_at(now(), KEPT))
            .finish()?;
        self.table.put("note a try", item).await
    }
}

#[async_trait]
impl Tries for TableStore {
    async fn broken_off(&self, message: &str) -> Result<u32, PortError> {
        match self.table.get("look for earlier tries", Key::tries(message)).await? {
            Some(item) => {
                let stored = Stored::new(&item)?;
                Ok(stored.number::<u32>(BROKEN_OFF)? + stored.number::<u32>(UNDER_WAY)?)
            }
            None => Ok(0),
        }
    }

    async fn begin(&self, message: &str, broken_off: u32) -> Result<(), PortError> {
        self.note_try(message, broken_off, true).await
    }

    async fn end(&self, message: &str, broken_off: u32) -> Result<(), PortError> {
        self.note_try(message, broken_off, false).await
    }
}
