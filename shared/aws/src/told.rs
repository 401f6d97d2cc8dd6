//! Who was told of which record: items `TOLD#record` / `TOLD` of the one table, kept for as long as a record may be told
//! again.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use penstock_app::engine::state::SCHEMA;
use penstock_app::port::PortError;
use penstock_app::port::told::Told;

use crate::error::port_error;
use crate::sdk::Sdk;
use crate::store::expiry::{expires_at, now};
use crate::store::key::Key;
use crate::store::schema::EXPIRES_AT;
use crate::store::table::Table;

const WHO: &str = "who";
/// A day in the stream, fourteen in the queue and among the dead letters; each redrive puts a record into the queue anew,
/// for fourteen more. So long that after two of them nobody is told twice.
const KEPT: Duration = Duration::from_secs(45 * 24 * 3600);

/// The memory in the table.
#[derive(Debug, Clone)]
pub struct ToldTable(Table);

impl ToldTable {
    /// That in the table called `table`.
    pub fn new(sdk: &Sdk, table: &str) -> Self {
        Self(Table::new(sdk, table))
    }
}

#[async_trait]
impl Told for ToldTable {
    async fn of(&self, record: &str) -> Result<BTreeSet<String>, PortError> {
        let item = self.0.get("read who was told", key(record)).await?;
        let who = item.and_then(|mut item| item.remove(WHO));
        Ok(match who {
            Some(AttributeValue::Ss(who)) => who.into_iter().collect(),
            _ => BTreeSet::new(),
        })
    }

    /// Adding to a set twice, as a repetition by the SDK does, adds once.
    async fn remember(&self, record: &str, audiences: &BTreeSet<String>) -> Result<(), PortError> {
        let update = self.0.client.update_item().table_name(&*self.0.name);
        update
            .set_key(Some(key(record).into_attributes()))
            .update_expression("SET #schema = :schema, #expires = :expires ADD #who :who")
            .expression_attribute_names("#schema", "schema")
            .expression_attribute_names("#expires", EXPIRES_AT)
            .expression_attribute_names("#who", WHO)
            .expression_attribute_values(":schema", AttributeValue::N(SCHEMA.to_string()))
            .expression_attribute_values(":expires", AttributeValue::N(expires_at(now(), KEPT).to_string()))
            .expression_attribute_values(":who", AttributeValue::Ss(audiences.iter().cloned().collect()))
            .send()
            .await
            .map(drop)
            .map_err(|error| port_error("remember who was told", &error))
    }
}

fn key(record: &str) -> Key {
    Key { pk: format!("TOLD#{record}"), sk: "TOLD".to_owned() }
}
