//! An emulator, a bucket for artifacts, and attempts at actions.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use penstock_app::engine::state::TriggerCause;
use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::provider::{Begun, Ending, Observation, Provider, Work};
use penstock_archive::Writer;
use penstock_aws::access::Access;
use penstock_aws::artifacts::S3Artifacts;
use penstock_aws::sdk::{Sdk, http_client};
use penstock_model::artifact::Artifact;
use penstock_model::id::{AttemptId, CommandId, DefinitionVersion, ExecutionId, PipelineName};
use penstock_model::pipeline::Action;
use penstock_model::time::Timestamp;
use penstock_testkit::build::name;
use penstock_testkit::emulator::{Emulator, MiniStack};

static EMULATOR: LazyLock<Emulator> = LazyLock::new(|| MiniStack::new().start());

/// What a test works with.
pub(crate) struct Stage {
    pub(crate) access: Access,
    pub(crate) artifacts: Arc<S3Artifacts>,
    pub s3: aws_sdk_s3::Client,
    pub(crate) config: SdkConfig,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(EMULATOR.url())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "test", "test", None, None, "tests",
            )))
            .http_client(http_client())
            .build();
        let sdk = Sdk::from_config(config.clone());
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        let stage = Self {
            access: Access::new(sdk.clone(), None, None),
            artifacts: Arc::new(S3Artifacts::new(&sdk, "artifacts")),
            s3: aws_sdk_s3::Client::from_conf(s3),
            config,
        };
        stage.bucket("artifacts", true).await;
        stage
    }

    /// A bucket, if it is not there yet.
    pub(crate) async fn bucket(&self, bucket: &str, versioned: bool) {
        let _ = self.s3.create_bucket().bucket(bucket).send().await;
        if versioned {
            let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
            self.s3.put_bucket_versioning().bucket(bucket).versioning_configuration(on).send().await.unwrap();
        }
    }

    /// The artifact `called` with these files, as an earlier action stored it for the test `of`.
    pub(crate) async fn artifact(&self, of: &str, called: &str, files: &[(&str, &str)]) -> Artifact {
        let folder = tempfile::tempdir().unwrap();
        let zip = folder.path().join("artifact.zip");
        let mut writer = Writer::create(&zip).unwrap();
        for (path, content) in files {
            match content.strip_prefix("-> ") {
                Some(target) => writer.link(path, target).unwrap(),
                None => writer.file(path, 0o644, content.len() as u64, content.as_bytes()).unwrap(),
            }
        }
        drop(writer.finish().unwrap());
        let number = u32::try_from(files.iter().map(|(_, content)| content.len()).sum::<usize>()).unwrap();
        let attempt = attempt(&format!("{of}-{called}"), number);
        self.artifacts.put(&pipeline(), &attempt, &name(called), &zip).await.unwrap()
    }
}

fn pipeline() -> PipelineName {
    name("web")
}

fn attempt(of: &str, number: u32) -> AttemptId {
    let command: CommandId = name(of);
    let execution = ExecutionId::derive(&pipeline(), &command);
    AttemptId { execution, stage: name("Deploy"), action: name("Deploy"), number }
}

/// The `number`th attempt at `action` in the test `of`.
pub(crate) fn work(of: &str, number: u32, action: Action, inputs: Vec<Artifact>) -> Work {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    Work {
        attempt: attempt(of, number),
        pipeline: pipeline(),
        definition: DefinitionVersion(1),
        action,
        role_arn: None,
        artifact_store: None,
        inputs,
        revision_override: None,
        revisions: std::collections::BTreeMap::new(),
        sources: vec![],
        trigger: TriggerCause {
            kind: "StartPipelineExecution".into(),
            detail: "a test".to_owned(),
            delivery: None,
            reference: None,
        },
        deadline: Timestamp(i64::try_from(now).unwrap()).plus(Duration::from_secs(3 * 24 * 60 * 60)),
    }
}

/// Starts the attempt and observes it until it ends.
pub(crate) async fn perform(provider: &dyn Provider, work: &Work) -> Ending {
    let begun = provider.start(work, false).await.unwrap();
    end(provider, work, begun).await
}

/// Observes what began until it ends.
pub(crate) async fn end(provider: &dyn Provider, work: &Work, begun: Begun) -> Ending {
    let external = match begun {
        Begun::Running(external) => external,
        Begun::Ended(ending) => return ending,
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        match provider.observe(work, &external).await.unwrap() {
            Observation::Running => tokio::time::sleep(Duration::from_millis(100)).await,
            Observation::Ended(ending) => return ending,
            Observation::Gone => panic!("it is gone"),
        }
    }
    panic!("{} has not ended", external.id)
}
