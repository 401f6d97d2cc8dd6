//! The approvers who were added by name: items `APPROVERS` / name of the one table, with the attributes `email`,
//! `topicArn`, `generation` and, if they are asked about some pipelines only, `pipelines`. Those of a release that knew
//! of no generations lack that one.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use penstock_app::port::PortError;
use penstock_app::port::approvers::{Approver, ApproverName, Approvers, Generation};

use crate::error::port_error;
use crate::sdk::Sdk;
use crate::store::item::{Draft, Stored};
use crate::store::key::{Key, Range};
use crate::store::table::Table;

const PARTITION: &str = "APPROVERS";
const EMAIL: &str = "email";
const TOPIC: &str = "topicArn";
const PIPELINES: &str = "pipelines";
const GENERATION: &str = "generation";

/// The approvers in the table.
#[derive(Debug, Clone)]
pub struct ApproverTable(Table);

impl ApproverTable {
    /// Those in the table called `table`.
    pub fn new(sdk: &Sdk, table: &str) -> Self {
        Self(Table::new(sdk, table))
    }
}

#[async_trait]
impl Approvers for ApproverTable {
    async fn list(&self) -> Result<Vec<Approver>, PortError> {
        let (from, to) = (" ".to_owned(), char::MAX.to_string());
        let range = Range { pk: PARTITION.to_owned(), from, to, descending: false };
        let items = self.0.query("list the approvers", &range, usize::MAX).await?;
        items.iter().map(read).collect()
    }

    async fn add(&self, approver: &Approver) -> Result<(), PortError> {
        let draft =
            Draft::new(key(&approver.name)).text(EMAIL, &approver.email).text(TOPIC, &approver.topic_arn);
        let mut item = draft.finish()?;
        if let Some(generation) = &approver.generation {
            item.insert(GENERATION.to_owned(), AttributeValue::S(generation.as_str().to_owned()));
        }
        if !approver.pipelines.is_empty() {
            let names = approver.pipelines.iter().map(|name| AttributeValue::S(name.to_string()));
            item.insert(PIPELINES.to_owned(), AttributeValue::L(names.collect()));
        }
        self.0.put(&format!("add the approver `{}`", approver.name), item).await
    }

    async fn remove(&self, name: &ApproverName) -> Result<bool, PortError> {
        let delete = self.0.client.delete_item().table_name(&*self.0.name);
        let delete = delete.set_key(Some(key(name).into_attributes())).return_values(ReturnValue::AllOld);
        let deleted = delete.send().await;
        let deleted =
            deleted.map_err(|error| port_error(&format!("remove the approver `{name}`"), &error))?;
        Ok(deleted.attributes.is_some())
    }
}

fn key(name: &ApproverName) -> Key {
    Key { pk: PARTITION.to_owned(), sk: name.to_string() }
}

fn read(item: &HashMap<String, AttributeValue>) -> Result<Approver, PortError> {
    let stored = Stored::new(item)?;
    let listed = item.get(PIPELINES).and_then(|list| list.as_l().ok()).into_iter().flatten();
    let pipelines = listed.map(|name| {
        let name = name.as_s().map_err(|_| stored.damaged("a pipeline's name is no text"))?;
        name.parse().map_err(|error| stored.damaged(&format!("{error}")))
    });
    let generation = item.contains_key(GENERATION).then(|| stored.text(GENERATION)).transpose()?;
    let generation = generation.map(Generation::new).transpose();
    Ok(Approver {
        name: stored.parsed("sk")?,
        email: stored.text(EMAIL)?.to_owned(),
        topic_arn: stored.text(TOPIC)?.to_owned(),
        pipelines: pipelines.collect::<Result<_, PortError>>()?,
        generation: generation.map_err(|error| stored.damaged(&error.to_string()))?,
    })
}
