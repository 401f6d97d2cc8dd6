//! Counts the calls that a client makes, and what they write.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::RuntimeComponents;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use penstock_aws::sdk::{Sdk, http_client};
use serde_json::Value;

/// A call: its operation and its request.
pub(crate) type Call = (String, Value);

/// The calls of the clients that [`Meter::on`] configures.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<Mutex<Vec<Call>>>);

impl Meter {
    pub(crate) fn on(&self, sdk: &Sdk) -> Sdk {
        let client = Metered { inner: http_client(), meter: self.clone() };
        Sdk::from_config(sdk.config().to_builder().http_client(SharedHttpClient::new(client)).build())
    }

    /// The calls since the last time.
    pub(crate) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Write units as the service counts them: one a KiB of each item, two in a transaction.
pub(crate) fn write_units(calls: &[Call]) -> usize {
    let units = |item: &Value| item_size(item).div_ceil(1024).max(1);
    calls
        .iter()
        .map(|(operation, request)| match operation.as_str() {
            "TransactWriteItems" => {
                let writes = request["TransactItems"].as_array().unwrap();
                writes.iter().map(|write| 2 * write.get("Put").map_or(1, |put| units(&put["Item"]))).sum()
            }
            "PutItem" => units(&request["Item"]),
            "UpdateItem" => 1,
            _ => 0,
        })
        .sum()
}

fn item_size(item: &Value) -> usize {
    let value = |value: &Value| {
        let (kind, text) = value.as_object().unwrap().iter().next().unwrap();
        let length = text.as_str().map_or(1, str::len);
        if kind == "B" { length / 4 * 3 } else { length }
    };
    item.as_object().unwrap().iter().map(|(name, it)| name.len() + value(it)).sum()
}

#[derive(Debug, Clone)]
struct Metered {
    inner: SharedHttpClient,
    meter: Meter,
}

impl HttpClient for Metered {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(MeteredConnector { inner, meter: self.meter.clone() })
    }
}

#[derive(Debug)]
struct MeteredConnector {
    inner: SharedHttpConnector,
    meter: Meter,
}

impl HttpConnector for MeteredConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        self.meter.0.lock().unwrap().push((operation, body));
        self.inner.call(request)
    }
}
