//! What `DynamoDB` charges for calls, worked out from the bytes of items.
//!
//! Source: Amazon `DynamoDB` developer guide, "DynamoDB on-demand capacity mode", "Read and write operations" and
//! "Using Global Secondary Indexes". A write is charged by the larger of the item before and after, in KiB; twice in a
//! transaction, checks included; a read in 4 KiB, half if eventually consistent. An index is written once where an item
//! comes or goes, twice where its key changes.

use std::ops::AddAssign;

use serde_json::Value as Json;

use crate::items::{Items, Stored, bytes};
use crate::meter::Call;

/// Request units.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Units {
    pub(crate) write: f64,
    pub(crate) read: f64,
}

impl AddAssign for Units {
    fn add_assign(&mut self, other: Self) {
        self.write += other.write;
        self.read += other.read;
    }
}

impl Units {
    fn write(write: f64) -> Self {
        Self { write, read: 0.0 }
    }

    fn read(read: f64) -> Self {
        Self { write: 0.0, read }
    }

    /// What `call` is charged; `items` becomes what it leaves.
    pub(crate) fn of(call: &Call, items: &mut Items) -> Self {
        let (request, answer) = (&call.request, &call.answer);
        match call.operation.as_str() {
            "TransactWriteItems" => transaction(call, items),
            "PutItem" => Written::put(&request["Item"], call.succeeded, items).units(),
            "UpdateItem" if call.succeeded && answer["Attributes"].is_object() => {
                Written::put(&answer["Attributes"], true, items).units()
            }
            "UpdateItem" | "DeleteItem" => Self::write(kibibytes(items.at(&request["Key"]).bytes)),
            "GetItem" => Self::read(read(bytes(&answer["Item"]), is_consistent(request))),
            "Query" | "Scan" => {
                let read_bytes = answer["Items"].as_array().into_iter().flatten().map(bytes).sum();
                Self::read(read(read_bytes, is_consistent(request)))
            }
            "BatchGetItem" => batch(request, answer),
            other => panic!("nobody said what {other} costs"),
        }
    }
}

fn transaction(call: &Call, items: &mut Items) -> Units {
    let mut units = 0.0;
    for write in call.request["TransactItems"].as_array().unwrap() {
        let written = if let Some(put) = write.get("Put") {
            Written::put(&put["Item"], call.succeeded, items)
        } else if let Some(delete) = write.get("Delete") {
            Written::delete(&delete["Key"], call.succeeded, items)
        } else {
            panic!("neither put nor deleted: {write}");
        };
        units += 2.0 * written.table + written.index;
    }
    Units::write(units)
}

fn batch(request: &Json, answer: &Json) -> Units {
    let tables = request["RequestItems"].as_object().unwrap();
    let units = tables.iter().map(|(table, wanted)| {
        let found = answer["Responses"][table].as_array().map_or(&[][..], Vec::as_slice);
        let missing = wanted["Keys"].as_array().map_or(0, Vec::len).saturating_sub(found.len());
        let sizes = found.iter().map(bytes).chain(std::iter::repeat_n(0, missing));
        sizes.map(|bytes| read(bytes, is_consistent(wanted))).sum::<f64>()
    });
    Units::read(units.sum())
}

/// Units of a write outside of a transaction.
struct Written {
    table: f64,
    index: f64,
}

impl Written {
    fn put(item: &Json, succeeded: bool, items: &mut Items) -> Self {
        let (before, after) = (items.at(item), Stored::of(item));
        if succeeded {
            items.put(item);
        }
        let index = if succeeded { index(&before, &after) } else { 0.0 };
        Self { table: kibibytes(before.bytes.max(after.bytes)), index }
    }

    fn delete(key: &Json, succeeded: bool, items: &mut Items) -> Self {
        let before = items.at(key);
        if succeeded {
            items.delete(key);
        }
        Self { table: kibibytes(before.bytes), index: index(&before, &Stored::default()) }
    }

    fn units(&self) -> Units {
        Units::write(self.table + self.index)
    }
}

fn index(before: &Stored, after: &Stored) -> f64 {
    match (&before.due, &after.due) {
        (None, None) => 0.0,
        (Some(before), Some(after)) if before == after => 0.0,
        (Some(_), Some(_)) => 2.0,
        (None, Some(_)) | (Some(_), None) => 1.0,
    }
}

fn is_consistent(request: &Json) -> bool {
    request["ConsistentRead"].as_bool().unwrap_or_default()
}

fn kibibytes(bytes: usize) -> f64 {
    started(bytes, 1024)
}

fn read(bytes: usize, consistent: bool) -> f64 {
    started(bytes, 4096) * if consistent { 1.0 } else { 0.5 }
}

/// How many blocks `bytes` begin, at least one.
fn started(bytes: usize, block: usize) -> f64 {
    u32::try_from(bytes.div_ceil(block).max(1)).map_or(f64::MAX, f64::from)
}
