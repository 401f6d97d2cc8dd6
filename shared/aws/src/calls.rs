//! A record of the calls made to AWS: each as a log line with its service, operation and resource, counted for the process.

mod resource;

use std::sync::atomic::{AtomicU64, Ordering};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use tracing::Level;

use crate::environment::optional;

const TARGET: &str = "penstock::calls";

static MADE: AtomicU64 = AtomicU64::new(0);

/// How many calls this process has made, repetitions included.
pub fn made() -> u64 {
    MADE.load(Ordering::Relaxed)
}

/// Records each call before it is sent, at level `debug` under the target `penstock::calls`.
#[derive(Debug)]
pub(crate) struct CallLog;

impl Intercept for CallLog {
    fn name(&self) -> &'static str {
        "CallLog"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        MADE.fetch_add(1, Ordering::Relaxed);
        if let Some(metadata) =
            config.load::<Metadata>().filter(|_| tracing::enabled!(target: TARGET, Level::DEBUG))
        {
            record(metadata, context.request());
        }
        Ok(())
    }
}

fn record(metadata: &Metadata, request: &HttpRequest) {
    let bytes = request.body().content_length().unwrap_or_default();
    let resource =
        resource::resource(metadata.name(), request.uri(), request.body().bytes().unwrap_or_default());
    tracing::debug!(
        target: TARGET,
        service = metadata.service(),
        operation = metadata.name(),
        resource,
        own = is_own(request),
        bytes,
        "call"
    );
}

/// Whether a call is signed with the credentials of the environment: a function's own calls are, those that it makes under
/// the role of an action are not.
fn is_own(request: &HttpRequest) -> bool {
    let signed = request.headers().get("authorization").unwrap_or_default();
    optional("AWS_ACCESS_KEY_ID").is_some_and(|own| signed.contains(&format!("Credential={own}/")))
}
