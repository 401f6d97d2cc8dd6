//! The table: reads that are strongly consistent and complete, whatever the service gives at once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use penstock_app::port::PortError;

use super::item::Attributes;
use super::key::{Key, Range};
use super::schema::{DUE_AT, DUE_INDEX, DUE_SHARD, PK, SK};
use crate::error::port_error;
use crate::sdk::Sdk;

/// How long one attempt at a call may take before it is made again; a healthy one takes milliseconds.
const ATTEMPT: Duration = Duration::from_secs(5);

/// How many items one `BatchGetItem` may ask for.
const BATCH: usize = 100;
/// How often the rest of a batch is asked for when the service leaves some of it.
const REPETITIONS: u32 = 8;

/// A client whose calls are recorded.
pub(super) fn client(sdk: &Sdk) -> Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).build();
    let config = aws_sdk_dynamodb::config::Builder::from(sdk.config()).interceptor(sdk.interceptor());
    Client::from_conf(config.timeout_config(timeouts).build())
}

/// The table and the way to it.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) client: Client,
    pub(crate) name: Arc<str>,
}

impl Table {
    pub(crate) fn new(sdk: &Sdk, name: &str) -> Self {
        Self { client: client(sdk), name: name.into() }
    }

    pub(crate) async fn get(&self, what: &str, key: Key) -> Result<Option<Attributes>, PortError> {
        let read = self
            .client
            .get_item()
            .table_name(&*self.name)
            .set_key(Some(key.into_attributes()))
            .consistent_read(true);
        Ok(read.send().await.map_err(|error| port_error(what, &error))?.item)
    }

    /// The items among `keys` that exist, in no order.
    pub(crate) async fn get_all(
        &self,
        what: &str,
        keys: impl IntoIterator<Item = Key>,
    ) -> Result<Vec<Attributes>, PortError> {
        let keys: BTreeSet<Key> = keys.into_iter().collect();
        let keys: Vec<_> = keys.into_iter().map(Key::into_attributes).collect();
        let mut found = vec![];
        for batch in keys.chunks(BATCH) {
            self.get_batch(what, batch.to_vec(), &mut found).await?;
        }
        Ok(found)
    }

    /// Asks again for what the service left out, because the answer grew too large or it was busy.
    async fn get_batch(
        &self,
        what: &str,
        mut keys: Vec<Attributes>,
        found: &mut Vec<Attributes>,
    ) -> Result<(), PortError> {
        for repetition in 0..REPETITIONS {
            pause(repetition).await;
            let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let wanted = wanted.map_err(|error| PortError::permanent(format!("{what}: {error}")))?;
            let read = self.client.batch_get_item().request_items(&*self.name, wanted).send().await;
            let read = read.map_err(|error| port_error(what, &error))?;
            found.extend(read.responses.into_iter().flat_map(HashMap::into_values).flatten());
            let left = read.unprocessed_keys.into_iter().flat_map(HashMap::into_values);
            keys = left.flat_map(|left| left.keys).collect();
            if keys.is_empty() {
                return Ok(());
            }
        }
        Err(PortError::transient(format!("{what}: the table is too busy to read all items; try again")))
    }

    /// The items in `range`, in order; at most `limit`.
    pub(crate) async fn query(
        &self,
        what: &str,
        range: &Range,
        limit: usize,
    ) -> Result<Vec<Attributes>, PortError> {
        let query = self
            .client
            .query()
            .table_name(&*self.name)
            .key_condition_expression("#pk = :pk AND #sk BETWEEN :from AND :to")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", AttributeValue::S(range.pk.clone()))
            .expression_attribute_values(":from", AttributeValue::S(range.from.clone()))
            .expression_attribute_values(":to", AttributeValue::S(range.to.clone()))
            .scan_index_forward(!range.descending)
            .consistent_read(true);
        let mut found = vec![];
        let mut after = None;
        while found.len() < limit {
            let left = limit.saturating_sub(found.len());
            let page = query.clone().set_exclusive_start_key(after).set_limit(i32::try_from(left).ok());
            let page = page.send().await.map_err(|error| port_error(what, &error))?;
            found.extend(page.items.into_iter().flatten());
            after = page.last_evaluated_key;
            if after.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// The keys of open executions in a shard that are due by `until`. The index follows the table a little later.
    pub(crate) async fn due(&self, shard: u8, until: i64) -> Result<Vec<Attributes>, PortError> {
        let query = self
            .client
            .query()
            .table_name(&*self.name)
            .index_name(DUE_INDEX)
            .key_condition_expression("#shard = :shard AND #at <= :until")
            .expression_attribute_names("#shard", DUE_SHARD)
            .expression_attribute_names("#at", DUE_AT)
            .expression_attribute_values(":shard", AttributeValue::S(shard.to_string()))
            .expression_attribute_values(":until", AttributeValue::N(until.to_string()));
        let mut found = vec![];
        let mut after = None;
        loop {
            let page = query.clone().set_exclusive_start_key(after).send().await;
            let page = page.map_err(|error| port_error("find what is due", &error))?;
            found.extend(page.items.into_iter().flatten());
            after = page.last_evaluated_key;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    /// Writes `item`, whatever stood there.
    pub(crate) async fn put(&self, what: &str, item: Attributes) -> Result<(), PortError> {
        let put = self.client.put_item().table_name(&*self.name).set_item(Some(item)).send().await;
        put.map(drop).map_err(|error| port_error(what, &error))
    }
}

/// Lets others finish: not at first, then twice as long each time.
pub(super) async fn pause(repetition: u32) {
    if repetition > 0 {
        tokio::time::sleep(Duration::from_millis(10 << repetition.min(7))).await;
    }
}
