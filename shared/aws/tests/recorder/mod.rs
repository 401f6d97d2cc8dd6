//! What the SDK sends, recorded on its way to an emulator.
//!
//! A test target takes it in with `#[path = "../recorder/mod.rs"] mod recorder;`.

use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use penstock_aws::sdk::{Sdk, http_client};

/// A request as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// Its body, where it is not streamed.
    pub(crate) body: String,
    headers: Vec<(String, String)>,
}

impl Sent {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The region and the service that it is signed for.
    pub(crate) fn signed_for(&self) -> (String, String) {
        let scope = self.header("authorization").unwrap().split("Credential=").nth(1).unwrap();
        let parts: Vec<&str> = scope.split('/').collect();
        (parts[2].to_owned(), parts[3].to_owned())
    }
}

/// Records what is sent.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    inner: SharedHttpClient,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self { inner: http_client(), sent: Arc::default() }
    }

    /// For clients that are made of `config`.
    pub(crate) fn sdk(&self, config: &SdkConfig) -> Sdk {
        let client = SharedHttpClient::new(self.clone());
        Sdk::from_config(config.to_builder().http_client(client).build())
    }

    /// All requests to `service` so far, and the regions that they were signed for.
    pub(crate) fn sent_to(&self, service: &str) -> Vec<Sent> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        sent.into_iter().filter(|it| it.signed_for().1 == service).collect()
    }
}

impl HttpClient for Recorder {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Recording { inner, sent: Arc::clone(&self.sent) })
    }
}

#[derive(Debug)]
struct Recording {
    inner: SharedHttpConnector,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl HttpConnector for Recording {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let headers = request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let sent = Sent { body: body.unwrap_or_default(), headers: headers.collect() };
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
        self.inner.call(request)
    }
}
