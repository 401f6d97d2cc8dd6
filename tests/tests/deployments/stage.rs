//! The stand-ins, the providers over them, and artifacts to deploy.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::provider::Work;
use penstock_archive::Writer;
use penstock_aws::access::{Access, WithoutRole};
use penstock_aws::artifacts::S3Artifacts;
use penstock_aws::provider::codedeploy::{CodeDeploy, CodeDeployToEcs};
use penstock_aws::provider::ecs::Ecs;
use penstock_aws::sdk::Sdk;
use penstock_model::artifact::Artifact;
use penstock_model::pipeline::{Action, Category};
use penstock_testkit::build::{ActionBuilder, action, name};
use penstock_testkit::emulator::{Emulator, MiniStack};
use penstock_testkit::fake::ManualClock;
use penstock_testkit::python::{Environment, Requirements};
use penstock_tests::code_deploy_stand_in::{CodeDeployStandIn, Group};
use penstock_tests::ecs_stand_in::{CLUSTER, EcsStandIn, SERVICE};
use serde_json::{Value as Json, json};

use super::providers;

/// It keeps the artifacts, and is called for all that no stand-in serves.
pub(crate) static EMULATOR: LazyLock<Emulator> = LazyLock::new(|| MiniStack::new().start());
const BUCKET: &str = "artifacts";

/// An appspec for servers.
pub(crate) const APPSPEC: &str =
    "version: 0.0\nos: linux\nfiles:\n  - source: /\n    destination: /srv/web\n";

/// What tests of deployments work with.
pub(crate) struct Stage {
    pub(crate) code_deploy: CodeDeployStandIn,
    pub(crate) ecs: EcsStandIn,
    pub(crate) clock: Arc<ManualClock>,
    sdk: Sdk,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let programs = Environment::of(Requirements::Emulators).programs();
        let group = |name: &str, platform: &str| Group {
            application: "shop".to_owned(),
            name: name.to_owned(),
            platform: platform.to_owned(),
        };
        let groups = [group("live", "Server"), group("service", "ECS"), group("function", "Lambda")];
        let code_deploy = CodeDeployStandIn::start(&programs, &groups);
        let ecs = EcsStandIn::start(&programs, &definition());
        let endpoints = [("codedeploy", code_deploy.service.url()), ("ecs", ecs.service.url())];
        let clock = ManualClock::default();
        clock.set(providers::now());
        let sdk = providers::sdk(&EMULATOR.url(), &endpoints);
        Self { code_deploy, ecs, clock: Arc::new(clock), sdk }
    }

    pub(crate) fn code_deploy(&self) -> CodeDeploy {
        CodeDeploy::new(self.access(), artifacts(&self.sdk), WithoutRole::Refused)
    }

    pub(crate) fn to_ecs(&self) -> CodeDeployToEcs {
        CodeDeployToEcs::new(self.access(), artifacts(&self.sdk), WithoutRole::Refused)
    }

    pub(crate) fn ecs(&self) -> Ecs {
        Ecs::new(self.access(), artifacts(&self.sdk), self.clock.clone(), WithoutRole::Refused)
    }

    fn access(&self) -> Access {
        Access::new(self.sdk.clone(), None, None)
    }

    /// An attempt at `action`, with these files as its input artifact `App`.
    pub(crate) async fn work(&self, action: Action, files: &[(&str, &str)]) -> Work {
        work(&self.sdk, action, files).await
    }
}

/// An attempt at `action`, unlike any other, with these files as its input artifact `App`.
pub(crate) async fn work(sdk: &Sdk, action: Action, files: &[(&str, &str)]) -> Work {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut work = providers::work("deployments", number, action, vec![]);
    work.inputs = vec![stored(sdk, &work, files).await];
    work
}

pub(crate) fn artifacts(sdk: &Sdk) -> Arc<S3Artifacts> {
    Arc::new(S3Artifacts::new(sdk, BUCKET))
}

/// These files as the artifact `App`.
async fn stored(sdk: &Sdk, work: &Work, files: &[(&str, &str)]) -> Artifact {
    make_bucket().await;
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("app.zip");
    let mut writer = Writer::create(&zip).unwrap();
    for (path, text) in files {
        writer.file(path, 0o644, text.len() as u64, text.as_bytes()).unwrap();
    }
    drop(writer.finish().unwrap());
    artifacts(sdk).put(&work.pipeline, &work.attempt, &name("App"), &zip).await.unwrap()
}

/// A versioned bucket, if it is not there yet.
async fn make_bucket() {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let versioned = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    for (query, body) in [("", ""), ("?versioning", versioned)] {
        let url = format!("{}/{BUCKET}{query}", EMULATOR.url());
        client.put(url).body(body).send().await.unwrap();
    }
}

/// The definition that the service runs at first.
pub(crate) fn definition() -> Json {
    json!({
        "family": "web",
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [
            {"name": "web", "image": "web:old", "essential": true, "environment": [{"name": "A", "value": "1"}]},
            {"name": "side", "image": "side:old"},
        ],
        "tags": [{"key": "team", "value": "shop"}],
    })
}

/// A `CodeDeploy` action on the servers of `live`.
pub(crate) fn to_servers() -> ActionBuilder {
    deploy("CodeDeploy").set("ApplicationName", "shop").set("DeploymentGroupName", "live")
}

/// An ECS action on the only service.
pub(crate) fn to_service() -> ActionBuilder {
    deploy("ECS").set("ClusterName", CLUSTER).set("ServiceName", SERVICE)
}

/// A deploy action of `provider`.
pub(crate) fn deploy(provider: &str) -> ActionBuilder {
    action("Deploy", Category::Deploy, provider).consumes("App")
}
