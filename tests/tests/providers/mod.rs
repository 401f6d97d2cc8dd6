//! What tests of providers share: clients whose calls go to stand-ins, attempts, and how they end.
//!
//! A test target takes it in with `#[path = "../providers/mod.rs"] mod providers;`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::SystemTimeSource;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use penstock_app::engine::state::{AttemptError, External, TriggerCause};
use penstock_app::port::provider::{Begun, Done, Ending, Observation, Provider, Work};
use penstock_aws::sdk::{Sdk, http_client};
use penstock_model::artifact::Artifact;
use penstock_model::id::{AttemptId, CommandId, DefinitionVersion, ExecutionId, PipelineName};
use penstock_model::pipeline::Action;
use penstock_model::time::Timestamp;
use penstock_testkit::build::name;

/// How long anything here may take.
const LONG: Duration = Duration::from_secs(120);

/// The endpoints of services by their names, such as `codebuild`.
#[derive(Debug)]
struct Endpoints(BTreeMap<String, String>);

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let url = self.0.get(&key.service_id().to_lowercase())?;
        (key.env() == "AWS_ENDPOINT_URL").then(|| url.clone())
    }
}

/// Clients whose calls go to these endpoints, or else to `url`.
pub(crate) fn sdk(url: &str, endpoints: &[(&str, String)]) -> Sdk {
    let credentials = Credentials::new("test", "test", None, None, "tests");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(url)
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .time_source(SystemTimeSource::new())
        .http_client(http_client())
        .build();
    with_endpoints(&Sdk::from_config(config), endpoints)
}

/// The same clients, whose calls of these services go elsewhere.
pub(crate) fn with_endpoints(sdk: &Sdk, endpoints: &[(&str, String)]) -> Sdk {
    let endpoints = endpoints.iter().map(|(service, url)| ((*service).to_owned(), url.clone()));
    let config = sdk.config().to_builder().service_config(Endpoints(endpoints.collect()));
    Sdk::from_config(config.build())
}

/// The `number`th attempt at `action` in the test `of`.
pub(crate) fn work(of: &str, number: u32, action: Action, inputs: Vec<Artifact>) -> Work {
    let pipeline: PipelineName = name("site");
    let command: CommandId = name(of);
    let execution = ExecutionId::derive(&pipeline, &command);
    Work {
        attempt: AttemptId { execution, stage: name("Release"), action: action.name.clone(), number },
        pipeline,
        definition: DefinitionVersion(1),
        action,
        role_arn: None,
        artifact_store: None,
        inputs,
        revision_override: None,
        revisions: BTreeMap::new(),
        sources: vec![],
        trigger: TriggerCause {
            kind: "StartPipelineExecution".into(),
            detail: "a test".into(),
            delivery: None,
            reference: None,
        },
        deadline: now().plus(Duration::from_secs(36 * 3600)),
    }
}

/// The present moment.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}

/// Starts the work, which then runs.
pub(crate) async fn running(provider: &dyn Provider, work: &Work, taken_over: bool) -> External {
    match provider.start(work, taken_over).await.unwrap() {
        Begun::Running(external) => external,
        Begun::Ended(ending) => panic!("it does not run: {ending:?}"),
    }
}

/// Starts the work and observes it until it ends.
pub(crate) async fn perform(provider: &dyn Provider, work: &Work) -> Ending {
    match provider.start(work, false).await.unwrap() {
        Begun::Running(external) => end(async || provider.observe(work, &external).await.unwrap()).await,
        Begun::Ended(ending) => ending,
    }
}

/// Looks until the work has ended.
pub(crate) async fn end(look: impl AsyncFn() -> Observation) -> Ending {
    let deadline = Instant::now() + LONG;
    loop {
        let seen = look().await;
        if let Observation::Ended(ending) = seen {
            return ending;
        }
        assert!(Instant::now() < deadline, "it does not end: {seen:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

pub(crate) fn succeeded(ending: Ending) -> Done {
    let Ending::Succeeded(done) = ending else { panic!("it did not succeed: {ending:?}") };
    *done
}

/// Why it failed.
pub(crate) fn failed(ending: Ending) -> AttemptError {
    let Ending::Failed { error, .. } = ending else { panic!("it did not fail: {ending:?}") };
    error
}
