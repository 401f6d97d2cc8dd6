//! Commands that could not be decided, for a person to look at.

use penstock_app::port::PortError;
use penstock_model::time::Timestamp;

use super::TableStore;
use super::item::{Draft, Stored};
use super::key::{Key, QUARANTINE, Range};
use super::schema::{EXPIRES_AT, KEPT};
use crate::store::expiry::{expires_at, now};

/// The longest text that is kept, in bytes: what is longer is cut, since a person reads it.
const LONGEST: usize = 300 * 1024;
/// The longest reason.
const LONGEST_REASON: usize = 16 * 1024;

/// A command that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The command, or as much of it as could be kept.
    pub what: String,
    /// Why it could not be decided.
    pub reason: String,
    /// When it was last put aside.
    pub at: Timestamp,
}

impl TableStore {
    /// The commands that were put aside, at most `limit`, in no order.
    ///
    /// # Errors
    /// As the service gives them.
    pub async fn quarantined(&self, limit: usize) -> Result<Vec<Quarantined>, PortError> {
        let items = self.table.query("read what was put aside", &Range::all_of(QUARANTINE), limit).await?;
        let read = |stored: Stored<'_>| {
            Ok(Quarantined {
                what: stored.body()?,
                reason: stored.text("reason")?.to_owned(),
                at: Timestamp(stored.number("at")?),
            })
        };
        items.iter().map(|item| read(Stored::new(item)?)).collect()
    }

    /// The same again is kept once.
    pub(super) async fn put_aside(&self, what: &str, reason: &str) -> Result<(), PortError> {
        let at = now();
        let item = Draft::new(Key::quarantine(what))
            .text("reason", cut(reason, LONGEST_REASON))
            .number("at", at.0)
            .number(EXPIRES_AT, expires_at(at, KEPT))
            .body(cut(what, LONGEST))?
            .finish()?;
        self.table.put("put a command aside", item).await
    }
}

/// At most `most` bytes, cut between characters.
fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!((cut("aü", 2), cut("aü", 3), cut("aü", 9)), ("a", "aü", "aü"));
    }
}
