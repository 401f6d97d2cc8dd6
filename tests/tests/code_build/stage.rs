//! The providers over the stand-in, and sources to build.

use penstock_app::port::provider::Work;
use penstock_aws::access::Access;
use penstock_aws::artifacts::S3Artifacts;
use penstock_aws::attempt_log::AttemptLogs;
use penstock_aws::provider::codebuild::CodeBuild;
use penstock_aws::provider::commands::Commands;
use penstock_aws::sdk::Sdk;
use penstock_model::artifact::{Artifact, Revision};
use penstock_model::pipeline::Action;
use penstock_testkit::build::{ActionBuilder, build, name};
use penstock_tests::code_build_stand_in::Project;
use serde_json::json;

use super::place::{Place, unzipped, zip};
use super::providers;

const BUILDSPEC: &str = r#"
version: 0.2
env: {exported-variables: [GREETING]}
batch:
  fast-fail: false
  build-list:
    - {identifier: linux, env: {variables: {PLACE: linux}}}
    - {identifier: docs, env: {variables: {PLACE: docs}}}
phases:
  build:
    commands:
      - export GREETING="hello $WHO of $PENSTOCK_PIPELINE at $PENSTOCK_SOURCE_VERSION"
      - echo "$GREETING" > greeting$PLACE
      - test -z "$CODEBUILD_SRC_DIR_the_docs" || cat "$CODEBUILD_SRC_DIR_the_docs/page" >> greeting
      - test "$WHO" != nobody || { echo there is nobody; exit 3; }
      - test "$WHO" != "nobody$PLACE" || { echo there is nobody at $PLACE; exit 3; }
      - test "$WHO" != sleeper || sleep 600
artifacts:
  files: [greeting*]
  secondary-artifacts:
    one: {files: [greeting*]}
    two: {files: [greeting*]}
"#;

/// A provider's surroundings.
pub(crate) struct Stage {
    pub(crate) place: Place,
    pub(crate) sdk: Sdk,
}

impl Stage {
    /// With a bucket of this name and the project `web`.
    pub(crate) async fn new(bucket: &str) -> Self {
        Self::at(Place::new(bucket).await)
    }

    /// The same, whose builds run in `region`; the bucket is in us-east-1.
    pub(crate) async fn building_in(region: &str, bucket: &str) -> Self {
        Self::at(Place::building_in(region, bucket).await)
    }

    fn at(place: Place) -> Self {
        let sdk = providers::sdk(&Place::endpoint(), &[("codebuild", place.stand_in.url())]);
        place.stand_in.add_project(Project::new("web"));
        Self { place, sdk }
    }

    /// The same, with the stand-in in place of `CloudWatch` Logs too: it refuses to read logs.
    pub(crate) async fn without_logs(bucket: &str) -> Self {
        let stage = Self::new(bucket).await;
        let url = stage.place.stand_in.url();
        let sdk = providers::sdk(&Place::endpoint(), &[("codebuild", url.clone()), ("cloudwatch logs", url)]);
        Self { sdk, ..stage }
    }

    pub(crate) fn access(&self) -> Access {
        Access::new(self.sdk.clone(), None, None)
    }

    pub(crate) fn logs(&self) -> AttemptLogs {
        AttemptLogs::new(&self.sdk, self.place.bucket.clone())
    }

    pub(crate) fn code_build(&self) -> CodeBuild {
        CodeBuild::new(self.access(), self.place.bucket.clone(), self.logs())
    }

    pub(crate) fn commands(&self) -> Commands {
        Commands::new(self.access(), self.place.bucket.clone(), self.logs(), "web")
    }

    /// The work on `action` with a source, and with documents if it takes them.
    pub(crate) async fn work(&self, action: Action) -> Work {
        let mut inputs = vec![self.stored("App", &[("buildspec.yml", BUILDSPEC)]).await];
        if action.input_artifacts.len() > 1 {
            inputs.push(self.stored("the-docs", &[("page", "a page\n")]).await);
        }
        let mut work = providers::work(&self.place.bucket, 1, action, inputs);
        let revision = Revision { id: "c0ffee".into(), summary: None, url: None, author: None };
        work.revisions.insert(name("Source"), revision);
        work
    }

    async fn stored(&self, called: &str, files: &[(&str, &str)]) -> Artifact {
        let key = format!("in/{called}.zip");
        let version_id = self.place.put(&key, zip(files)).await;
        let store = S3Artifacts::new(&self.sdk, &self.place.bucket);
        store.adopt(&self.place.bucket, &key, version_id.as_deref(), &name(called)).await.unwrap()
    }

    /// The text of a file of an artifact.
    pub(crate) async fn text(&self, artifact: &Artifact, file: &str) -> String {
        let location = format!("arn:aws:s3:::{}/{}", artifact.bucket, artifact.key);
        unzipped(&self.place.get(&location).await, file)
    }

    /// How many requests of `operation` there were.
    pub(crate) fn count(&self, operation: &str) -> usize {
        self.place.stand_in.requests().iter().filter(|request| request.operation == operation).count()
    }
}

/// A build that greets `who`.
pub(crate) fn greeting(who: &str) -> ActionBuilder {
    let variables = json!([{"name": "WHO", "value": who}]).to_string();
    build("Build").consumes("App").set("ProjectName", "web").set("EnvironmentVariables", &variables)
}
