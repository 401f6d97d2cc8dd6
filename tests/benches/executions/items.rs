//! Items in `DynamoDB`'s JSON: their keys, sizes, and places in the index.
//!
//! Source of sizes: Amazon `DynamoDB` developer guide, "Item sizes and formats".

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// The key of an item.
pub(crate) type Key = (String, String);

/// What is remembered of an item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) bytes: usize,
    /// Shard and time, if the index has it.
    pub(crate) due: Option<(String, String)>,
}

/// The items that the functions have written.
#[derive(Debug, Default)]
pub(crate) struct Items(BTreeMap<Key, Stored>);

impl Items {
    /// What stands at the key of `item`, nothing if that was not written by a function.
    pub(crate) fn at(&self, item: &Json) -> Stored {
        self.0.get(&key(item)).cloned().unwrap_or_default()
    }

    /// Makes `item` what stands at its key.
    pub(crate) fn put(&mut self, item: &Json) {
        self.0.insert(key(item), Stored::of(item));
    }

    /// Removes what stands at a key.
    pub(crate) fn delete(&mut self, at: &Json) {
        self.0.remove(&key(at));
    }
}

impl Stored {
    pub(crate) fn of(item: &Json) -> Self {
        let text = |name: &str, kind: &str| item[name][kind].as_str().map(str::to_owned);
        Self { bytes: bytes(item), due: text("due_shard", "S").zip(text("due_at", "N")) }
    }
}

fn key(item: &Json) -> Key {
    let text = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    (text("pk"), text("sk"))
}

/// The bytes of an item: its attributes' names and values.
pub(crate) fn bytes(item: &Json) -> usize {
    let attributes = item.as_object().into_iter().flatten();
    attributes.map(|(name, value)| name.len() + of_value(value)).sum()
}

fn of_value(value: &Json) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|it| it.iter().next()) else { return 0 };
    let text = value.as_str().map_or(0, str::len);
    match kind.as_str() {
        "S" => text,
        // Two digits a byte, and one.
        "N" => text.div_ceil(2) + 1,
        "B" => text * 3 / 4,
        "SS" => value.as_array().into_iter().flatten().map(|it| it.as_str().map_or(0, str::len)).sum(),
        "L" => 3 + value.as_array().into_iter().flatten().map(|it| 1 + of_value(it)).sum::<usize>(),
        "M" => {
            3 + value
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, it)| 1 + name.len() + of_value(it))
                .sum::<usize>()
        }
        _ => 1,
    }
}
