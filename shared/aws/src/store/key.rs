//! The keys of all items: see [`super::schema`].

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use penstock_model::id::{AttemptId, DefinitionVersion, DeliveryId, ExecutionId, PipelineName};
use sha2::{Digest, Sha256};

use super::schema::{PK, SK};

/// Numbers in keys have this many digits, so that they sort as numbers.
const LARGEST: u64 = 999_999_999_999;

/// The partition of all pipelines' names.
pub(super) const PIPELINES: &str = "PIPELINES";
/// The partition of what was put aside.
pub(super) const QUARANTINE: &str = "QUARANTINE";
/// How the sort keys of records begin.
pub(super) const RECORD: &str = "RECORD#";

/// An item's key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

/// Items of one partition whose sort keys lie between two, both included.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    pub(crate) pk: String,
    pub(crate) from: String,
    pub(crate) to: String,
    /// Whether the largest sort key comes first.
    pub(crate) descending: bool,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    pub(crate) fn pipeline(pipeline: &PipelineName) -> Self {
        Self::new(partition(pipeline), "PIPELINE")
    }

    pub(super) fn listed(pipeline: &PipelineName) -> Self {
        Self::new(PIPELINES, pipeline.as_str())
    }

    pub(super) fn open(pipeline: &PipelineName, execution: &ExecutionId) -> Self {
        Self::new(partition(pipeline), format!("OPEN#{execution}"))
    }

    pub(super) fn closed(execution: &ExecutionId) -> Self {
        Self::new(format!("EXECUTION#{execution}"), "EXECUTION")
    }

    pub(super) fn record(pipeline: &PipelineName, execution: Option<&ExecutionId>, version: u64) -> Self {
        let pk = execution.map_or_else(|| partition(pipeline), |execution| format!("EXECUTION#{execution}"));
        Self::new(pk, format!("{RECORD}{}", digits(version)))
    }

    /// Every execution has a first record.
    pub(super) fn first_record(execution: &ExecutionId) -> Self {
        Self::new(format!("EXECUTION#{execution}"), format!("{RECORD}{}", digits(1)))
    }

    pub(super) fn sequence(pipeline: &PipelineName, sequence: u64) -> Self {
        Self::new(partition(pipeline), format!("SEQUENCE#{}", digits(sequence)))
    }

    pub(super) fn admission(pipeline: &PipelineName, delivery: &DeliveryId) -> Self {
        Self::new(partition(pipeline), format!("ADMISSION#{delivery}"))
    }

    pub(super) fn definition(pipeline: &PipelineName, version: DefinitionVersion) -> Self {
        Self::new(partition(pipeline), format!("DEFINITION#{}", digits(version.0.into())))
    }

    pub(crate) fn claim(attempt: &AttemptId) -> Self {
        Self::new(format!("ATTEMPT#{attempt}"), "CLAIM")
    }

    pub(crate) fn outputs(attempt: &AttemptId) -> Self {
        Self::new(format!("ATTEMPT#{attempt}"), "OUTPUTS")
    }

    /// A provider's id may be longer than a key may be.
    pub(crate) fn external(id: &str) -> Self {
        Self::new(format!("EXTERNAL#{}", hex::encode(Sha256::digest(id))), "ATTEMPT")
    }

    pub(super) fn quarantine(what: &str) -> Self {
        Self::new(QUARANTINE, hex::encode(Sha256::digest(what)))
    }

    /// SQS's ids of messages are short.
    pub(super) fn tries(message: &str) -> Self {
        Self::new(format!("MESSAGE#{message}"), "TRIES")
    }

    pub(crate) fn into_attributes(self) -> HashMap<String, AttributeValue> {
        [(PK, self.pk), (SK, self.sk)].map(|(name, value)| (name.to_owned(), AttributeValue::S(value))).into()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}", self.pk, self.sk)
    }
}

impl Range {
    /// The pipeline's item first, then its open executions: see [`super::load`].
    pub(super) fn of_pipeline(pipeline: &PipelineName) -> Self {
        Self { pk: partition(pipeline), from: "OPEN#".into(), to: "PIPELINE".into(), descending: true }
    }

    /// Admissions with a smaller sequence than `before`, newest first; `None` if there can be none.
    pub(super) fn of_sequences(pipeline: &PipelineName, before: Option<u64>) -> Option<Self> {
        let last = before.unwrap_or(u64::MAX).checked_sub(1)?;
        let key = |number| format!("SEQUENCE#{}", digits(number));
        Some(Self { pk: partition(pipeline), from: key(0), to: key(last), descending: true })
    }

    /// Records after version `after`, oldest first.
    pub(super) fn of_records(execution: &ExecutionId, after: u64) -> Self {
        let key = |number| format!("{RECORD}{}", digits(number));
        let pk = format!("EXECUTION#{execution}");
        Self { pk, from: key(after.saturating_add(1)), to: key(LARGEST), descending: false }
    }

    /// A whole partition.
    pub(super) fn all_of(pk: &str) -> Self {
        Self { pk: pk.into(), from: " ".into(), to: "~".repeat(8), descending: false }
    }
}

/// The pipeline in whose partition an item lies.
pub(super) fn pipeline_in(pk: &str) -> Option<&str> {
    pk.strip_prefix("PIPELINE#")
}

/// The execution in whose partition an item lies.
pub(super) fn execution_in(pk: &str) -> Option<&str> {
    pk.strip_prefix("EXECUTION#")
}

/// The shard of the index in which a pipeline's executions are.
pub(super) fn due_shard(pipeline: &PipelineName) -> String {
    (Sha256::digest(pipeline.as_str())[0] % super::schema::DUE_SHARDS).to_string()
}

fn partition(pipeline: &PipelineName) -> String {
    format!("PIPELINE#{pipeline}")
}

fn digits(number: u64) -> String {
    format!("{:012}", number.min(LARGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_as_numbers() {
        let web: PipelineName = "web".parse().unwrap();
        let key = |number| Key::sequence(&web, number).sk;
        assert!(key(9) < key(10) && key(99) < key(100_000) && key(100_000) < key(u64::MAX));
    }

    #[test]
    fn a_pipelines_read_holds_its_item_and_open_executions_only() {
        let web: PipelineName = "web".parse().unwrap();
        let id: ExecutionId = "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607".parse().unwrap();
        let range = Range::of_pipeline(&web);
        let within = |key: &Key| key.pk == range.pk && range.from <= key.sk && key.sk <= range.to;
        assert!(within(&Key::pipeline(&web)) && within(&Key::open(&web, &id)));
        let others = [
            Key::closed(&id),
            Key::record(&web, None, 1),
            Key::sequence(&web, 1),
            Key::admission(&web, &"d".parse().unwrap()),
            Key::definition(&web, DefinitionVersion(1)),
            Key::listed(&web),
        ];
        for key in others {
            assert!(!within(&key), "{key}");
        }
    }
}
