//! State changes go to an EventBridge bus in `CodePipeline`'s shape under the source `penstock`, so that a rule written
//! for `aws.codepipeline` needs one word changed.

use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_smithy_types::DateTime;
use penstock_app::partition::Partition;
use penstock_app::port::PortError;
use penstock_app::port::state_changes::{ChangeOf, StateChange, StateChanges};
use penstock_model::id::PipelineName;
use serde_json::{Value, json};

use crate::error::port_error;
use crate::sdk::Sdk;

/// The events' source; `aws.` is reserved.
const SOURCE: &str = "penstock";
/// How many entries one call takes (EventBridge API reference, `PutEvents`).
const BATCH: usize = 10;

/// A bus.
#[derive(Debug, Clone)]
pub struct EventBus {
    client: Client,
    name: String,
    account: String,
    region: String,
}

impl EventBus {
    /// The bus called `name`; the pipelines' ARNs are of `account`.
    pub fn new(sdk: &Sdk, name: impl Into<String>, account: impl Into<String>) -> Self {
        let config = aws_sdk_eventbridge::config::Builder::from(sdk.config()).interceptor(sdk.interceptor());
        Self {
            client: Client::from_conf(config.build()),
            name: name.into(),
            account: account.into(),
            region: sdk.region().to_owned(),
        }
    }

    fn entry(&self, change: &StateChange) -> PutEventsRequestEntry {
        let mut detail = change.detail.clone();
        if change.of == ChangeOf::Action {
            detail.entry("region").or_insert_with(|| json!(self.region));
        }
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(SOURCE)
            .detail_type(change.of.detail_type())
            .detail(Value::Object(detail).to_string())
            .resources(self.arn(&change.pipeline))
            .time(DateTime::from_millis(change.at.0))
            .build()
    }

    fn arn(&self, pipeline: &PipelineName) -> String {
        let partition = Partition::of(&self.region).name;
        format!("arn:{partition}:codepipeline:{}:{}:{pipeline}", self.region, self.account)
    }

    async fn put(&self, changes: &[StateChange]) -> Result<(), PortError> {
        let what = format!("send state changes to the event bus `{}`", self.name);
        let entries = changes.iter().map(|change| self.entry(change)).collect();
        let put = self.client.put_events().set_entries(Some(entries)).send().await;
        let put = put.map_err(|error| port_error(&what, &error))?;
        let refused = put.entries().iter().find_map(|entry| entry.error_code().zip(entry.error_message()));
        match refused {
            Some((code, message)) => Err(PortError::transient(format!("{what}: {code}: {message}"))),
            None if put.failed_entry_count > 0 => {
                Err(PortError::transient(format!("{what}: some were refused")))
            }
            None => Ok(()),
        }
    }
}

#[async_trait]
impl StateChanges for EventBus {
    async fn send(&self, changes: &[StateChange]) -> Result<(), PortError> {
        for batch in changes.chunks(BATCH) {
            self.put(batch).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region, SdkConfig};

    use super::*;

    #[test]
    fn a_pipelines_arn_is_of_the_partition_of_its_region() {
        let config = SdkConfig::builder().behavior_version(BehaviorVersion::v2026_01_12());
        let sdk = Sdk::from_config(config.region(Region::from_static("cn-north-1")).build());
        let bus = EventBus::new(&sdk, "default", "111122223333");
        let arn = bus.arn(&"web".parse().unwrap());
        assert_eq!(arn, "arn:aws-cn:codepipeline:cn-north-1:111122223333:web");
    }
}
