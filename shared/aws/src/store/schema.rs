//! The table's shape. It is documented here only; `template.yaml` and [`create_table`] make the same.
//!
//! One table, key attributes `pk` and `sk` (S), on demand, with
//! - the global secondary index [`DUE_INDEX`]: `due_shard` (S, hash), `due_at` (N, range), keys only; sparse: only open
//!   executions carry these attributes. `due_at` is in milliseconds, [`NEVER`] where time alone makes nothing due;
//! - TTL on [`EXPIRES_AT`] (N, seconds). It only cleans: nothing relies on an item being gone;
//! - a stream of new images, of which only items whose `sk` begins with `RECORD#` are read.
//!
//! | pk | sk | what | written |
//! |---|---|---|---|
//! | `PIPELINE#name` | `PIPELINE` | the pipeline's item; `together`: which executions its last transaction changed | when executions move |
//! | `PIPELINE#name` | `OPEN#execution` | an open execution, with `due_shard` and `due_at` | by each transition of it |
//! | `EXECUTION#execution` | `EXECUTION` | a closed execution: it moves here, so that history lengthens no read | when it closes |
//! | `EXECUTION#execution` | `RECORD#version` | what happened to an execution | by each transition of it, for good |
//! | `PIPELINE#name` | `RECORD#version` | what happened to the pipeline's item itself | by commands about the pipeline, for good |
//! | `PIPELINE#name` | `SEQUENCE#number` | which execution was admitted under this number | once |
//! | `PIPELINE#name` | `ADMISSION#delivery` | that this delivery was admitted; outlives the execution | once |
//! | `PIPELINE#name` | `DEFINITION#version` | a definition version | once |
//! | `PIPELINES` | `name` | that there is or was a pipeline of this name | once |
//! | `ATTEMPT#attempt` | `CLAIM` | who works on an attempt; kept 90 days | by its worker |
//! | `ATTEMPT#attempt` | `OUTPUTS` | its output variables | once |
//! | `EXTERNAL#digest` | `ATTEMPT` | which attempt a provider's id belongs to (at `CloudFormation` its token is one more); kept 90 days | when it is started |
//! | `TOLD#execution#version` | `TOLD` | who was told of a record; kept 45 days | when somebody was told |
//! | `APPROVERS` | `name` | an approver, their topic and pipelines | by `penstock approvers` |
//! | `SWEEP` | `CLEAN-UP` | how far the latest walk through the artifact bucket came | by `sweeper`, after each page |
//! | `MESSAGE#id` | `TRIES` | how often a message broke `transition` off; kept 15 days | from the third time on that it is received |
//! | `QUARANTINE` | digest | a command that could not be decided; kept 90 days | once |
//!
//! Every item has `schema` (N): the number of the release's schema; a newer one than known is refused. Large content is
//! JSON in `json` (S), or the same deflated (RFC 1951) in `deflated` (B) where that is smaller.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType, TableStatus,
    TimeToLiveSpecification,
};
use aws_smithy_types::error::operation::BuildError;
use penstock_app::port::PortError;

use super::table::client;
use crate::error::port_error;
use crate::sdk::Sdk;

/// The partition key.
pub const PK: &str = "pk";
/// The sort key.
pub const SK: &str = "sk";
/// The index by which what is due is found.
pub const DUE_INDEX: &str = "due";
/// The index's partition key.
pub const DUE_SHARD: &str = "due_shard";
/// The index's sort key, milliseconds since 1970.
pub const DUE_AT: &str = "due_at";
/// When TTL may remove an item, seconds since 1970.
pub const EXPIRES_AT: &str = "expires_at";
/// How many shards the index has: `0` to `7`.
pub const DUE_SHARDS: u8 = 8;
/// The `due_at` of open executions in which time alone makes nothing due: the year 2286.
pub const NEVER: i64 = 9_999_999_999_999;
/// How long claims, provider's ids and quarantined commands are kept.
pub(crate) const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// How often a new table is looked at until it can be used.
const LOOKS: u32 = 120;

/// Makes the table, for emulators and tests; in an account the stack's template does.
///
/// # Errors
/// As the service gives them; permanent if there is a table of this name.
pub async fn create_table(sdk: &Sdk, table: &str) -> Result<(), PortError> {
    let client = client(sdk);
    let what = format!("create the table `{table}`");
    let built = |error: BuildError| PortError::permanent(format!("{what}: {error}"));
    client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes().map_err(built)?))
        .set_key_schema(Some(keys(PK, SK).map_err(built)?))
        .global_secondary_indexes(due_index().map_err(built)?)
        .stream_specification(stream().map_err(built)?)
        .send()
        .await
        .map_err(|error| port_error(&what, &error))?;
    wait_until_active(&client, table).await?;
    let ttl = TimeToLiveSpecification::builder().attribute_name(EXPIRES_AT).enabled(true).build();
    let ttl = ttl.map_err(built)?;
    let enabled = client.update_time_to_live().table_name(table).time_to_live_specification(ttl).send().await;
    enabled.map(drop).map_err(|error: SdkError<_, _>| port_error(&what, &error))
}

fn attributes() -> Result<Vec<AttributeDefinition>, BuildError> {
    let attribute =
        |name: &str, kind| AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build();
    [
        (PK, ScalarAttributeType::S),
        (SK, ScalarAttributeType::S),
        (DUE_SHARD, ScalarAttributeType::S),
        (DUE_AT, ScalarAttributeType::N),
    ]
    .map(|(name, kind)| attribute(name, kind))
    .into_iter()
    .collect()
}

fn keys(hash: &str, range: &str) -> Result<Vec<KeySchemaElement>, BuildError> {
    [(hash, KeyType::Hash), (range, KeyType::Range)]
        .map(|(name, kind)| KeySchemaElement::builder().attribute_name(name).key_type(kind).build())
        .into_iter()
        .collect()
}

fn due_index() -> Result<GlobalSecondaryIndex, BuildError> {
    GlobalSecondaryIndex::builder()
        .index_name(DUE_INDEX)
        .set_key_schema(Some(keys(DUE_SHARD, DUE_AT)?))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()
}

fn stream() -> Result<StreamSpecification, BuildError> {
    StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewImage).build()
}

async fn wait_until_active(client: &Client, table: &str) -> Result<(), PortError> {
    for _ in 0..LOOKS {
        let found = client.describe_table().table_name(table).send().await;
        let found = found.map_err(|error| port_error(&format!("look at the table `{table}`"), &error))?;
        if found.table.and_then(|table| table.table_status) == Some(TableStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err(PortError::transient(format!("create the table `{table}`: it is not active after a minute")))
}
