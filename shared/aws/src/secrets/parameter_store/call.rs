//! SSM's `GetParameter` without SSM's SDK: there, what reads the refusals of one operation links those of all, 0.9 MB of a
//! function. The call is made of what every SDK's client is made of, so that it is signed, timed out, tried again and
//! recorded as theirs are.

use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::recursion_detection::RecursionDetectionInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::service_clock_skew::{ServiceClockSkewClassifier, ServiceClockSkewInterceptor};
use aws_runtime::user_agent::{ApiMetadata, UserAgentInterceptor};
use aws_smithy_runtime::client::http::connection_poisoning::ConnectionPoisoningInterceptor;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime::client::stalled_stream_protection::StalledStreamProtectionInterceptor;
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, SensitiveOutput};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::config_bag::{FrozenLayer, Layer};
use aws_smithy_types::error::ErrorMetadata;
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion};

use super::endpoint::endpoint;
use super::wire::{self, Answer};
use crate::sdk::Sdk;

/// The call, to be invoked with a parameter's name or ARN.
pub(super) type GetParameter = Operation<String, Answer, ErrorMetadata>;

/// Why there is no answer.
pub(super) type Refused = SdkError<ErrorMetadata, HttpResponse>;

const OPERATION: &str = "GetParameter";

/// The call with the credentials and in the region of `sdk`.
pub(super) fn get_parameter(sdk: &Sdk) -> GetParameter {
    let parts = signed(recorded(tried_again(connected(sdk)), sdk), sdk);
    let shared = StaticRuntimePlugin::new().with_config(settings(sdk)).with_runtime_components(parts);
    let call = Operation::builder().service_name("SSM").operation_name(OPERATION);
    let call = match sdk.config().behavior_version() {
        Some(version) => call.behavior_version(version),
        None => call,
    };
    let call = call.endpoint_url(&endpoint(sdk)).runtime_plugin(shared);
    call.serializer(|name: String| wire::question(&name)).deserializer(wire::answer).build()
}

fn settings(sdk: &Sdk) -> FrozenLayer {
    let config = sdk.config();
    let mut settings = Layer::new(OPERATION);
    // Keeps the value out of what the SDK traces.
    settings.store_put(SensitiveOutput);
    settings.store_put(AuthSchemeOptionResolverParams::new(()));
    settings.store_put(SigV4OperationSigningConfig::default());
    settings.store_put(SigningName::from_static("ssm"));
    settings.store_put(SigningRegion::from(Region::new(sdk.region().to_owned())));
    settings.store_put(ApiMetadata::new("ssm", env!("CARGO_PKG_VERSION")));
    if let Some(retries) = config.retry_config() {
        settings.store_put(retries.clone());
    }
    if let Some(timeouts) = config.timeout_config() {
        settings.store_put(timeouts.clone());
    }
    settings.freeze()
}

fn connected(sdk: &Sdk) -> RuntimeComponentsBuilder {
    let config = sdk.config();
    RuntimeComponentsBuilder::new(OPERATION)
        .with_http_client(config.http_client())
        .with_sleep_impl(config.sleep_impl())
        .with_time_source(config.time_source())
        .with_interceptor(ConnectionPoisoningInterceptor::new())
        .with_interceptor(StalledStreamProtectionInterceptor::default())
}

/// What is tried again, as an SDK's client tries it: the strategy is its standard one.
fn tried_again(parts: RuntimeComponentsBuilder) -> RuntimeComponentsBuilder {
    parts
        .with_retry_classifier(HttpStatusCodeClassifier::default())
        .with_retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
        .with_retry_classifier(AwsErrorCodeClassifier::<ErrorMetadata>::new())
        .with_retry_classifier(ServiceClockSkewClassifier::<ErrorMetadata>::new())
}

/// What the service is told about a call, and our own record of it.
fn recorded(parts: RuntimeComponentsBuilder, sdk: &Sdk) -> RuntimeComponentsBuilder {
    parts
        .with_interceptor(RequestInfoInterceptor::new())
        .with_interceptor(UserAgentInterceptor::new())
        .with_interceptor(InvocationIdInterceptor::new())
        .with_interceptor(RecursionDetectionInterceptor::new())
        .with_interceptor(sdk.interceptor())
}

fn signed(parts: RuntimeComponentsBuilder, sdk: &Sdk) -> RuntimeComponentsBuilder {
    let config = sdk.config();
    let parts = parts
        .with_interceptor(ServiceClockSkewInterceptor::new())
        .with_auth_scheme(SigV4AuthScheme::new())
        .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID])));
    let parts = match config.identity_cache() {
        Some(cache) => parts.with_identity_cache(Some(cache)),
        None => parts,
    };
    match config.credentials_provider() {
        Some(credentials) => parts.with_identity_resolver(SCHEME_ID, credentials),
        None => parts,
    }
}
