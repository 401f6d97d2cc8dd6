//! Which revision an attempt keeps to: an attribute of its claim, which the first write sets.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use penstock_app::engine::state::SCHEMA;
use penstock_app::port::PortError;
use penstock_app::port::revisions::Revisions;
use penstock_model::id::AttemptId;

use super::number;
use crate::error::port_error;
use crate::store::TableStore;
use crate::store::item::Stored;
use crate::store::key::Key;

const REVISION: &str = "revision";

#[async_trait]
impl Revisions for TableStore {
    async fn keep_to(&self, attempt: &AttemptId, revision: &str) -> Result<String, PortError> {
        let what = format!("keep {attempt} to a revision");
        let update = self
            .table
            .client
            .update_item()
            .table_name(&*self.table.name)
            .set_key(Some(Key::claim(attempt).into_attributes()))
            .update_expression("SET #schema = :schema, #revision = if_not_exists(#revision, :revision)")
            .expression_attribute_names("#schema", "schema")
            .expression_attribute_names("#revision", REVISION)
            .expression_attribute_values(":schema", number(SCHEMA.into()))
            .expression_attribute_values(":revision", AttributeValue::S(revision.to_owned()))
            .return_values(ReturnValue::AllNew);
        let output = update.send().await.map_err(|error| port_error(&what, &error))?;
        Ok(Stored::new(&output.attributes.unwrap_or_default())?.text(REVISION)?.to_owned())
    }
}
