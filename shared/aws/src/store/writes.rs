//! One commit as the writes of one transaction.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use penstock_app::port::PortError;
use penstock_app::port::store::{Change, Commit, ItemState};
use penstock_model::id::{ExecutionId, PipelineName};
use sha2::{Digest, Sha256};

use super::encode::{self, VERSION};
use super::item::{Attributes, Draft, size};
use super::key::Key;

/// The most items that one transaction takes (DynamoDB developer guide, "Quotas").
const MAX_ITEMS: usize = 100;
/// The most bytes.
const MAX_BYTES: usize = 4 << 20;

/// Where an execution's item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Open,
    Closed,
}

/// Where the executions are that are not where they mostly are: among the open ones.
pub(super) type Places = BTreeMap<ExecutionId, Place>;

/// One write with its condition.
#[derive(Debug)]
pub(super) enum Write {
    Put(Attributes, Condition),
    Delete(Key, Condition),
}

/// What must be so for the transaction to land.
#[derive(Debug, Clone, Copy)]
pub(super) enum Condition {
    Anything,
    Absent,
    Version(u64),
}

/// The key of an execution's item.
pub(super) fn key_at(place: Place, pipeline: &PipelineName, execution: &ExecutionId) -> Key {
    match place {
        Place::Open => Key::open(pipeline, execution),
        Place::Closed => Key::closed(execution),
    }
}

/// The writes that make `commit` so if the executions are at `places`.
pub(super) fn compose(commit: &Commit, places: &Places) -> Result<Vec<Write>, PortError> {
    let mut writes = vec![];
    for change in &commit.changes {
        match &change.item {
            ItemState::Pipeline(state) => {
                let item = encode::pipeline(commit, change, state)?;
                writes.push(Write::Put(item, expecting(change.expected)));
                if change.expected == 0 {
                    let listed = Draft::new(Key::listed(&commit.pipeline)).finish()?;
                    writes.push(Write::Put(listed, Condition::Anything));
                }
                if !change.events.is_empty() {
                    writes.push(Write::Put(encode::record(commit, change, None)?, Condition::Absent));
                }
            }
            ItemState::Execution { .. } => execution(commit, change, places, &mut writes)?,
        }
    }
    writes.extend(admission(commit)?);
    if let Some((version, definition)) = &commit.definition {
        let item = encode::definition(&commit.pipeline, *version, definition)?;
        writes.push(Write::Put(item, Condition::Absent));
    }
    fits(commit, &writes)?;
    Ok(writes)
}

/// An execution that closes or opens moves; its first record is what must not be there yet when it is new.
fn execution(
    commit: &Commit,
    change: &Change,
    places: &Places,
    writes: &mut Vec<Write>,
) -> Result<(), PortError> {
    let ItemState::Execution { execution, open, next_due } = &change.item else {
        return Ok(());
    };
    let (place, item) = if *open {
        (Place::Open, encode::open(commit, change, execution, *next_due)?)
    } else {
        (Place::Closed, encode::closed(commit, change, execution)?)
    };
    let before = places.get(&execution.id).copied().unwrap_or(Place::Open);
    let is_new = change.expected == 0;
    if is_new {
        writes.push(Write::Put(item, Condition::Absent));
        writes.push(Write::Put(encode::sequence(&commit.pipeline, execution)?, Condition::Absent));
    } else if before == place {
        writes.push(Write::Put(item, Condition::Version(change.expected)));
    } else {
        let leaves = key_at(before, &commit.pipeline, &execution.id);
        writes.push(Write::Delete(leaves, Condition::Version(change.expected)));
        writes.push(Write::Put(item, Condition::Anything));
    }
    if is_new || !change.events.is_empty() {
        let record = encode::record(commit, change, Some(&execution.id))?;
        writes.push(Write::Put(record, Condition::Absent));
    }
    Ok(())
}

fn admission(commit: &Commit) -> Result<Option<Write>, PortError> {
    let Some(delivery) = &commit.admission else {
        return Ok(None);
    };
    let item = Draft::new(Key::admission(&commit.pipeline, delivery)).number("at", commit.at.0).finish()?;
    Ok(Some(Write::Put(item, Condition::Absent)))
}

fn expecting(version: u64) -> Condition {
    if version == 0 { Condition::Absent } else { Condition::Version(version) }
}

fn fits(commit: &Commit, writes: &[Write]) -> Result<(), PortError> {
    let bytes: usize = writes.iter().map(Write::size).sum();
    if writes.len() > MAX_ITEMS || bytes > MAX_BYTES {
        return Err(PortError::permanent(format!(
            "commit {} to `{}`: it writes {} items of {bytes} bytes and DynamoDB takes {MAX_ITEMS} of {MAX_BYTES} at once; \
             hand on large texts as artifacts instead of variables",
            commit.command,
            commit.pipeline,
            writes.len()
        )));
    }
    Ok(())
}

/// The same writes give the same token: what is sent again lands once. Others give another, even for the same command;
/// so do those to another `table`, because tokens belong to the account.
pub(super) fn token(table: &str, writes: &[Write]) -> String {
    let mut digest = Sha256::new_with_prefix(table);
    for write in writes {
        match write {
            Write::Put(item, condition) => {
                let sorted: BTreeMap<_, _> = item.iter().collect();
                digest.update(format!("put {sorted:?} {condition:?}"));
            }
            Write::Delete(key, condition) => digest.update(format!("delete {key} {condition:?}")),
        }
    }
    hex::encode(digest.finalize())[..36].to_owned()
}

impl Write {
    fn size(&self) -> usize {
        match self {
            Self::Put(item, _) => size(item),
            Self::Delete(key, _) => key.pk.len() + key.sk.len(),
        }
    }

    /// For the SDK.
    pub(super) fn into_item(self, table: &str) -> Result<TransactWriteItem, BuildError> {
        let builder = TransactWriteItem::builder();
        Ok(match self {
            Self::Put(item, condition) => {
                let put = Put::builder()
                    .table_name(table)
                    .set_item(Some(item))
                    .set_condition_expression(condition.expression())
                    .set_expression_attribute_names(condition.names())
                    .set_expression_attribute_values(condition.values());
                builder.put(put.build()?)
            }
            Self::Delete(key, condition) => {
                let delete = Delete::builder()
                    .table_name(table)
                    .set_key(Some(key.into_attributes()))
                    .set_condition_expression(condition.expression())
                    .set_expression_attribute_names(condition.names())
                    .set_expression_attribute_values(condition.values());
                builder.delete(delete.build()?)
            }
        }
        .build())
    }
}

impl Condition {
    fn expression(self) -> Option<String> {
        match self {
            Self::Anything => None,
            Self::Absent => Some("attribute_not_exists(#name)".to_owned()),
            Self::Version(_) => Some("#name = :version".to_owned()),
        }
    }

    fn names(self) -> Option<std::collections::HashMap<String, String>> {
        let name = match self {
            Self::Anything => return None,
            Self::Absent => super::schema::PK,
            Self::Version(_) => VERSION,
        };
        Some([("#name".to_owned(), name.to_owned())].into())
    }

    fn values(self) -> Option<Attributes> {
        match self {
            Self::Anything | Self::Absent => None,
            Self::Version(version) => {
                Some([(":version".to_owned(), AttributeValue::N(version.to_string()))].into())
            }
        }
    }
}
