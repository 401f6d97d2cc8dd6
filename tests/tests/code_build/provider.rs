//! The `CodeBuild` and Commands providers, whose builds really run.

use std::time::{Duration, Instant, SystemTime};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use penstock_app::engine::state::TriggerCause;
use penstock_app::port::logs::Logs;
use penstock_app::port::provider::{Begun, Done, Ending, Observation, Provider, Work};
use penstock_aws::access::Access;
use penstock_aws::artifacts::S3Artifacts;
use penstock_aws::attempt_log::AttemptLogs;
use penstock_aws::provider::codebuild::CodeBuild;
use penstock_aws::provider::commands::Commands;
use penstock_aws::sdk::{Sdk, http_client};
use penstock_model::artifact::Artifact;
use penstock_model::id::{AttemptId, CommandId, DefinitionVersion, ExecutionId, PipelineName};
use penstock_model::pipeline::{Action, Category, EnvironmentVariable};
use penstock_model::time::Timestamp;
use penstock_testkit::build::{ActionBuilder, action, build, name};
use penstock_tests::code_build_stand_in::Project;
use serde_json::json;

use super::place::{Place, unzipped, zip};

const BUILDSPEC: &str = r#"
version: 0.2
env: {exported-variables: [GREETING]}
phases:
  build:
    commands:
      - export GREETING="hello $WHO of $PENSTOCK_PIPELINE"
      - echo "$GREETING" > greeting
      - test "$WHO" != nobody || { echo there is nobody; exit 3; }
      - test "$WHO" != sleeper || sleep 600
artifacts:
  files: [greeting]
  secondary-artifacts:
    one: {files: [greeting]}
    two: {files: [greeting]}
"#;

/// The stand-in in place of `CodeBuild`'s endpoint.
#[derive(Debug)]
struct Endpoint(String);

impl LoadServiceConfig for Endpoint {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let is_it = key.service_id().eq_ignore_ascii_case("codebuild") && key.env() == "AWS_ENDPOINT_URL";
        is_it.then(|| self.0.clone())
    }
}

/// A provider's surroundings.
struct Stage {
    place: Place,
    sdk: Sdk,
}

impl Stage {
    async fn new(bucket: &str) -> Self {
        let place = Place::new(bucket).await;
        let credentials = Credentials::new("test", "test", None, None, "tests");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(Place::endpoint())
            .service_config(Endpoint(place.stand_in.url()))
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(aws_config::retry::RetryConfig::standard())
            .http_client(http_client())
            .build();
        place.stand_in.add_project(Project::new("web"));
        Self { place, sdk: Sdk::from_config(config) }
    }

    fn access(&self) -> Access {
        Access::new(self.sdk.clone(), None, None)
    }

    fn logs(&self) -> AttemptLogs {
        AttemptLogs::new(&self.sdk, self.place.bucket.clone())
    }

    fn code_build(&self) -> CodeBuild {
        CodeBuild::new(self.access(), self.place.bucket.clone(), self.logs())
    }

    /// The work on `action` with a source.
    async fn work(&self, action: Action) -> Work {
        let key = "in/source.zip";
        let version_id = self.place.put(key, zip(&[("buildspec.yml", BUILDSPEC)])).await;
        let store = S3Artifacts::new(&self.sdk, &self.place.bucket);
        let source = store.adopt(&self.place.bucket, key, version_id.as_deref(), &name("App")).await.unwrap();
        work(&self.place.bucket, action, vec![source])
    }

    async fn fetched(&self, artifact: &Artifact) -> Vec<u8> {
        self.place.get(&format!("arn:aws:s3:::{}/{}", artifact.bucket, artifact.key)).await
    }
}

fn greeting(who: &str) -> ActionBuilder {
    let variables = json!([{"name": "WHO", "value": who}]).to_string();
    build("Build").consumes("App").set("ProjectName", "web").set("EnvironmentVariables", &variables)
}

fn work(of: &str, action: Action, inputs: Vec<Artifact>) -> Work {
    let pipeline: PipelineName = name("site");
    let command: CommandId = name(of);
    let execution = ExecutionId::derive(&pipeline, &command);
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    Work {
        attempt: AttemptId { execution, stage: name("Build"), action: action.name.clone(), number: 1 },
        pipeline,
        definition: DefinitionVersion(1),
        action,
        role_arn: None,
        artifact_store: None,
        inputs,
        revision_override: None,
        revisions: std::collections::BTreeMap::new(),
        trigger: TriggerCause {
            kind: "StartPipelineExecution".into(),
            detail: "a test".into(),
            delivery: None,
        },
        deadline: Timestamp(i64::try_from(now).unwrap()).plus(Duration::from_secs(36 * 3600)),
    }
}

/// Starts the work and observes it until it ends.
async fn perform(provider: &dyn Provider, work: &Work) -> Ending {
    let external = match provider.start(work, false).await.unwrap() {
        Begun::Running(external) => external,
        Begun::Ended(ending) => return ending,
    };
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        match provider.observe(work, &external).await.unwrap() {
            Observation::Ended(ending) => return ending,
            other => assert!(Instant::now() < deadline, "it does not end: {other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn succeeded(ending: Ending) -> Done {
    match ending {
        Ending::Succeeded(done) => *done,
        other => panic!("it did not succeed: {other:?}"),
    }
}

#[tokio::test]
async fn a_build_hands_on_its_artifact_and_variables_and_keeps_its_log() {
    let stage = Stage::new("provider-succeeds").await;
    let work = stage.work(greeting("world").produces("Out-1").build()).await;
    let done = succeeded(perform(&stage.code_build(), &work).await);
    assert_eq!(done.variables["GREETING"], "hello world of site");
    let [artifact] = done.artifacts.as_slice() else { panic!("{:?}", done.artifacts) };
    assert!(artifact.key.contains(&work.attempt.token()) && artifact.version_id.is_some(), "{artifact:?}");
    assert_eq!(unzipped(&stage.fetched(artifact).await, "greeting"), "hello world of site\n");
    assert!(done.external.unwrap().url.unwrap().contains("/projects/web/build/web%3A"));
    let log = stage.logs().tail(&work.attempt, 1000).await.unwrap();
    assert!(log.iter().any(|line| line.contains("Running command export GREETING")), "{log:?}");
}

#[tokio::test]
async fn several_outputs_are_secondary_artifacts() {
    let stage = Stage::new("provider-secondary").await;
    let work = stage.work(greeting("world").produces("one").produces("two").build()).await;
    let done = succeeded(perform(&stage.code_build(), &work).await);
    let names: Vec<&str> = done.artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
    assert_eq!(names, ["one", "two"]);

    let missing = Stage::new("provider-missing").await;
    let work = missing.work(greeting("world").produces("one").produces("three").build()).await;
    match perform(&missing.code_build(), &work).await {
        Ending::Failed { error, .. } => {
            assert!(error.message.contains("secondary artifact three"), "{error:?}")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_failure_is_told_with_its_phase_and_last_lines() {
    let stage = Stage::new("provider-fails").await;
    let work = stage.work(greeting("nobody").produces("Out").build()).await;
    match perform(&stage.code_build(), &work).await {
        Ending::Failed { error, external } => {
            assert_eq!(error.code, "JobFailed");
            assert!(error.message.starts_with("the build failed in phase BUILD: COMMAND_EXECUTION_ERROR"));
            assert!(error.message.contains("\n  there is nobody"), "{}", error.message);
            assert!(external.is_some());
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_lost_answer_and_a_claim_taken_over_start_no_second_build() {
    let stage = Stage::new("provider-once").await;
    let work = stage.work(greeting("sleeper").build()).await;
    let provider = stage.code_build();
    stage.place.stand_in.lose_next_answer("StartBuild");
    // Whether the SDK repeats the call or the next dispatch does: the token and the variable are the same.
    let first = provider.start(&work, false).await;
    assert!(first.as_ref().err().is_none_or(|error| error.retryable), "{first:?}");
    let Begun::Running(found) = provider.start(&work, true).await.unwrap() else { panic!("not running") };
    let builds = stage.place.stand_in.builds("web");
    assert_eq!(builds.len(), 1, "{builds:?}");
    assert_eq!(builds[0]["id"], found.id.as_str());
    let operations = stage.place.stand_in.requests();
    assert!(operations.iter().any(|request| request.operation == "ListBuildsForProject"));

    // Nobody recorded its id: the cancellation finds it.
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match provider.cancel(&work, None).await.unwrap() {
            Observation::Ended(ending) => break assert_eq!(ending, Ending::Cancelled),
            other => assert!(Instant::now() < deadline, "it is not cancelled: {other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let Observation::Ended(again) = provider.cancel(&work, Some(&found)).await.unwrap() else { panic!() };
    assert_eq!(again, Ending::Cancelled);
}

#[tokio::test]
async fn a_project_that_is_not_there_ends_the_attempt() {
    let stage = Stage::new("provider-refused").await;
    let work = stage.work(greeting("world").set("ProjectName", "other").build()).await;
    match perform(&stage.code_build(), &work).await {
        Ending::Failed { error, .. } => {
            assert_eq!(error.code, "ConfigurationError");
            assert!(error.message.contains("create the project"), "{error:?}");
        }
        other => panic!("{other:?}"),
    }
    let gone = penstock_app::engine::state::External { id: "web:0".into(), url: None };
    assert_eq!(stage.code_build().observe(&work, &gone).await.unwrap(), Observation::Gone);
    assert_eq!(stage.code_build().cancel(&work, Some(&gone)).await.unwrap(), Observation::Gone);
}

#[tokio::test]
async fn commands_run_as_they_are_written() {
    let stage = Stage::new("provider-commands").await;
    let mut commands = action("Build", Category::Compute, "Commands").consumes("App").produces("Out").build();
    commands.commands =
        vec![r#"export SAID="$TEXT: it's #1""#.into(), r#"printf '%s' "$SAID" > said"#.into()];
    commands.output_variables = vec!["SAID".into()];
    commands.output_artifacts[0].files = vec!["said".into()];
    let text = "$(touch stolen); `x` \"";
    commands.environment_variables =
        vec![EnvironmentVariable { name: "TEXT".into(), value: text.into(), kind: Default::default() }];
    let work = stage.work(commands).await;
    let provider = Commands::new(stage.access(), stage.place.bucket.clone(), stage.logs(), "web");
    let done = succeeded(perform(&provider, &work).await);
    let said = format!("{text}: it's #1");
    assert_eq!(done.variables["SAID"], said);
    assert_eq!(unzipped(&stage.fetched(&done.artifacts[0]).await, "said"), said);
}
