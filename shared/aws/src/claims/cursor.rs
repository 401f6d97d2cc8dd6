//! How far claimed work has come.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use penstock_app::port::PortError;
use penstock_model::id::AttemptId;

use super::{CLAIMED, STATUS, refused};
use crate::cursor::Cursors;
use crate::error::port_error;
use crate::store::TableStore;
use crate::store::item::Stored;
use crate::store::key::Key;

const CURSOR: &str = "cursor";

#[async_trait]
impl Cursors for TableStore {
    async fn read(&self, attempt: &AttemptId) -> Result<usize, PortError> {
        let what = format!("read how far {attempt} came");
        let item = self.table.get(&what, Key::claim(attempt)).await?;
        let item = item.filter(|item| item.contains_key(CURSOR));
        item.map_or(Ok(0), |item| Stored::new(&item)?.number(CURSOR))
    }

    async fn advance(&self, attempt: &AttemptId, place: usize) -> Result<(), PortError> {
        let update = self
            .table
            .client
            .update_item()
            .table_name(&*self.table.name)
            .set_key(Some(Key::claim(attempt).into_attributes()))
            .update_expression("SET #cursor = :place")
            .condition_expression(
                "#status = :claimed AND (attribute_not_exists(#cursor) OR #cursor < :place)",
            )
            .expression_attribute_names("#cursor", CURSOR)
            .expression_attribute_names("#status", STATUS)
            .expression_attribute_values(":claimed", AttributeValue::S(CLAIMED.to_owned()))
            .expression_attribute_values(":place", AttributeValue::N(place.to_string()));
        match update.send().await {
            Err(error) if refused(&error).is_none() => {
                Err(port_error(&format!("remember how far {attempt} came"), &error))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }
}
