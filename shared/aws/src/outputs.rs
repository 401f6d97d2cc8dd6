//! Output variables of attempts: immutable items of their own.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use penstock_app::port::PortError;
use penstock_app::port::outputs::Outputs;
use penstock_model::id::AttemptId;

use crate::error::port_error;
use crate::store::TableStore;
use crate::store::item::{Draft, Stored};
use crate::store::key::Key;

#[async_trait]
impl Outputs for TableStore {
    async fn put(&self, attempt: &AttemptId, variables: &BTreeMap<String, String>) -> Result<(), PortError> {
        let item = Draft::new(Key::outputs(attempt)).body(variables)?.finish()?;
        let put = self.table.client.put_item().table_name(&*self.table.name).set_item(Some(item));
        let put =
            put.condition_expression("attribute_not_exists(#pk)").expression_attribute_names("#pk", "pk");
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                // They were written before, by us or by another: the first are kept.
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(port_error(&format!("write the output variables of {attempt}"), &error)),
            },
        }
    }

    async fn replace(
        &self,
        attempt: &AttemptId,
        variables: &BTreeMap<String, String>,
    ) -> Result<(), PortError> {
        let item = Draft::new(Key::outputs(attempt)).body(variables)?.finish()?;
        self.table.put(&format!("write the output variables of {attempt}"), item).await
    }

    async fn get(&self, attempt: &AttemptId) -> Result<BTreeMap<String, String>, PortError> {
        let what = format!("read the output variables of {attempt}");
        let item = self.table.get(&what, Key::outputs(attempt)).await?;
        item.map_or(Ok(BTreeMap::new()), |item| Stored::new(&item)?.body())
    }
}
