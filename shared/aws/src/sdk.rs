//! The configuration that all clients of one process share: credentials, region, endpoint, retries, connections.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use penstock_app::port::PortError;

use crate::calls::CallLog;
use crate::environment::{optional, required};
use crate::error::causes;
use crate::http::CONNECT;

pub use crate::http::http_client;

/// How long an answer may take to begin.
const READ: Duration = Duration::from_secs(60);

/// The variable that names an endpoint of one's own.
pub(crate) const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// What every client is made of. Cheap to clone.
///
/// A client is made as `aws_sdk_x::Client::from_conf(aws_sdk_x::config::Builder::from(sdk.config())
/// .interceptor(sdk.interceptor()).build())`, so that its calls are recorded.
#[derive(Debug, Clone)]
pub struct Sdk {
    config: SdkConfig,
}

impl Sdk {
    /// From the environment, as every AWS tool reads it.
    pub async fn load() -> Self {
        Self::load_with(http_client()).await
    }

    /// As [`Self::load`], over `http_client`: tests put faults into it.
    pub async fn load_with(http_client: SharedHttpClient) -> Self {
        let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http_client)
            .timeout_config(timeouts())
            .load()
            .await;
        Self { config }
    }

    /// Of a function: credentials, region and endpoints as Lambda's environment gives them, nothing else. The chain that
    /// [`Self::load`] asks links what a function never has: profiles, a machine's metadata, signing in.
    ///
    /// # Errors
    /// Permanent, if there is no region.
    pub fn of_function() -> Result<Self, PortError> {
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(required("AWS_REGION")?))
            .credentials_provider(SharedCredentialsProvider::new(
                EnvironmentVariableCredentialsProvider::new(),
            ))
            .identity_cache(IdentityCache::lazy().build())
            .retry_config(RetryConfig::standard())
            .timeout_config(timeouts())
            .sleep_impl(TokioSleep::new())
            .time_source(SystemTimeSource::new())
            .service_config(OwnEndpoints)
            .http_client(http_client());
        config.set_endpoint_url(optional(ENDPOINT));
        Ok(Self { config: config.build() })
    }

    /// With this configuration, for tests.
    pub fn from_config(config: SdkConfig) -> Self {
        Self { config }
    }

    /// The same with other credentials or in another region: what an action runs under.
    #[must_use]
    pub fn acting_as(&self, credentials: Option<SharedCredentialsProvider>, region: Option<&str>) -> Self {
        let mut builder = self.config.to_builder();
        if let Some(credentials) = credentials {
            builder.set_credentials_provider(Some(credentials));
        }
        if let Some(region) = region {
            builder.set_region(Some(Region::new(region.to_owned())));
        }
        Self { config: builder.build() }
    }

    /// The same, where one try of a call may take `attempt` and all of them `total`. A function has less time than an
    /// answer may take to begin: it would be ended before a call that hangs is tried again.
    #[must_use]
    pub fn within(&self, attempt: Duration, total: Duration) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT.min(attempt))
            .read_timeout(READ.min(attempt))
            .operation_attempt_timeout(attempt)
            .operation_timeout(total);
        // The pause before another try must not be what takes the time.
        let retries = self.config.retry_config().cloned().unwrap_or_else(RetryConfig::standard);
        let retries = retries.with_initial_backoff(attempt / 6);
        let config = self.config.to_builder().timeout_config(timeouts.build()).retry_config(retries);
        Self { config: config.build() }
    }

    /// For `aws_sdk_x::config::Builder::from`.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// For a client's builder: records its calls.
    pub fn interceptor(&self) -> SharedInterceptor {
        SharedInterceptor::new(CallLog)
    }

    /// The region, such as `eu-central-1`.
    pub fn region(&self) -> &str {
        self.config.region().map_or("us-east-1", |region| region.as_ref())
    }

    /// The credentials with which calls are signed now.
    ///
    /// # Errors
    /// Permanent, with the reason, if there are none.
    pub async fn credentials(&self) -> Result<Credentials, PortError> {
        let Some(provider) = self.config.credentials_provider() else {
            return Err(PortError::permanent("no source of credentials is configured"));
        };
        provider.provide_credentials().await.map_err(|error| {
            // What was tried is a list of everything that nobody has set up.
            let nobody = matches!(error, CredentialsError::CredentialsNotLoaded(_));
            let none =
                "none in the environment, in the profile, or from the machine that this runs on".to_owned();
            PortError::permanent(if nobody { none } else { causes(&error) })
        })
    }

    /// Whether an endpoint of one's own is set, as with an emulator: S3's buckets are then part of the path.
    pub fn has_endpoint(&self) -> bool {
        self.config.endpoint_url().is_some()
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(READ).build()
}

/// `AWS_ENDPOINT_URL_SQS` and the like (AWS SDKs and tools reference, "Service-specific endpoints").
#[derive(Debug)]
struct OwnEndpoints;

impl LoadServiceConfig for OwnEndpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().replace([' ', '-'], "_").to_uppercase();
        if key.env() == ENDPOINT { optional(&format!("{ENDPOINT}_{service}")) } else { None }
    }
}
