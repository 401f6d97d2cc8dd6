//! A record of the calls made to AWS: each as a log line with its service and operation, counted for the process.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

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
        if let Some(metadata) = config.load::<Metadata>() {
            let bytes = context.request().body().content_length().unwrap_or_default();
            tracing::debug!(target: "penstock::calls", service = metadata.service(), operation = metadata.name(), bytes, "call");
        }
        Ok(())
    }
}
