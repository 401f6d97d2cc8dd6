//! A stand-in for `CodeBuild` whose builds really run, for tests of the deployed stack.
//!
//! It serves `StartBuild`, `BatchGetBuilds`, `StopBuild` and `ListBuildsForProject`, and the same of batches, in AWS JSON 1.1 on loopback. A build gets its
//! sources from S3, runs its buildspec in child processes of this machine, and puts its artifacts into S3 and its log
//! into `CloudWatch` Logs. S3, Logs, Secrets Manager, Parameter Store and Lambda are those of an emulator: `MiniStack`.
//!
//! ```text
//! let settings = Settings::new(&ministack.url()).checking_requests_with(&Environment::of(Requirements::Emulators).programs());
//! let code_build = CodeBuildStandIn::start(settings);
//! code_build.add_project(Project::new("web-build"));
//! // In the environment of the functions: AWS_ENDPOINT_URL_CODEBUILD = code_build.url()
//! code_build.send_events_to(Some("stack-observer"));   // else nobody is told: the sweeper finds out
//! // ... an execution runs ...
//! assert_eq!(code_build.builds("web-build").len(), 1);
//! ```
//!
//! - A project without a buildspec runs `buildspec.yml` of its primary source.
//! - [`CodeBuildStandIn::requests`] gives every request with its operation and the access key that signed it;
//!   [`CodeBuildStandIn::builds`] gives the builds as `BatchGetBuilds` tells of them.
//! - [`CodeBuildStandIn::lose_next_answer`] carries the next request of an operation out and drops the connection.
//! - The emulator lets nobody put events of `aws.codebuild` on its bus. Instead, the function that
//!   [`CodeBuildStandIn::send_events_to`] names is invoked with them, as a rule would.
//! - Requests are checked against the service model that `botocore` ships, if [`Settings::checking_requests_with`] says
//!   where: unknown members, missing ones, wrong types, values outside an enumeration are a `ValidationException`.
//!
//! Everything ends with the handle: the server, and all processes of builds that still run.

mod batch;
mod build;
mod emulator;
mod operations;
mod record;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value as Json;
use tokio::sync::watch;

pub use crate::json_service::{Recorded, Refusal};

use crate::json_service::{JsonService, held};
use crate::service_model::ServiceModel;
use emulator::Emulator;

/// What the stand-in is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the emulator of the other services listens, such as `http://127.0.0.1:4566`.
    pub endpoint: String,
    /// The account that ARNs name.
    pub account: String,
    /// The region that ARNs name.
    pub region: String,
    /// The access key and its secret with which S3, Logs and Lambda are called.
    pub credentials: (String, String),
    programs: Option<PathBuf>,
}

impl Settings {
    /// For the emulator at `endpoint`, in us-east-1 of account 000000000000, with the key `test`.
    pub fn new(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            credentials: ("test".into(), "test".into()),
            programs: None,
        }
    }

    /// Checks requests against the service model of the `botocore` that is installed beside `programs`, a Python
    /// environment's folder of programs.
    #[must_use]
    pub fn checking_requests_with(mut self, programs: &Path) -> Self {
        self.programs = Some(programs.to_owned());
        self
    }
}

/// A `CodeBuild` project.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// Its buildspec: the text, or a path in the source. Without it the source's `buildspec.yml` is run.
    pub buildspec: Option<String>,
    /// Environment variables; those of `StartBuild` win.
    pub environment: Vec<(String, String)>,
    /// Whether it was made for `CodePipeline`: `StartBuild` must then override its source and artifacts.
    pub for_code_pipeline: bool,
    /// How long a build may take.
    pub timeout: Duration,
}

impl Project {
    /// A project made for `CodePipeline` that runs the source's `buildspec.yml` for at most ten minutes.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            buildspec: None,
            environment: vec![],
            for_code_pipeline: true,
            timeout: Duration::from_secs(600),
        }
    }
}

/// The stand-in; it ends when this is dropped.
pub struct CodeBuildStandIn {
    service: JsonService,
    state: Arc<State>,
}

impl CodeBuildStandIn {
    /// Starts it on a free loopback port.
    ///
    /// # Panics
    /// If it cannot.
    pub fn start(settings: Settings) -> Self {
        let model =
            settings.programs.as_deref().map(|programs| ServiceModel::installed(programs, "codebuild"));
        let state = Arc::new(State {
            emulator: Emulator::new(&settings),
            settings,
            projects: Mutex::default(),
            builds: Mutex::default(),
            batches: Mutex::default(),
            told: Mutex::default(),
            untold: Mutex::default(),
        });
        let operations = operations::BuildOperations(Arc::clone(&state));
        Self { service: JsonService::start(Arc::new(operations), model), state }
    }

    /// Its endpoint, without a slash at the end.
    pub fn url(&self) -> String {
        self.service.url()
    }

    /// Makes a project, or another one of its name.
    pub fn add_project(&self, project: Project) {
        held(&self.state.projects).insert(project.name.clone(), project);
    }

    /// From now on, the function of this name is invoked with an event for each build that has ended:
    /// the template's rule lets nothing else through.
    pub fn send_events_to(&self, function: Option<&str>) {
        *held(&self.state.told) = function.map(str::to_owned);
    }

    /// From now on, nobody is told of the builds of `project`.
    pub fn lose_events_of(&self, project: &str) {
        held(&self.state.untold).insert(project.to_owned());
    }

    /// The next request of `operation`, such as `StartBuild`, is carried out and its answer lost.
    pub fn lose_next_answer(&self, operation: &str) {
        self.service.lose_next_answer(operation);
    }

    /// The next request of `operation` is refused.
    pub fn refuse_next(&self, operation: &str, refusal: Refusal) {
        self.service.refuse_next(operation, refusal);
    }

    /// The builds of `project` as `BatchGetBuilds` tells of them, oldest first.
    pub fn builds(&self, project: &str) -> Vec<Json> {
        let builds = held(&self.state.builds);
        let of_project = builds.iter().filter(|build| build.record["projectName"] == project);
        of_project.map(|build| build.record.clone()).collect()
    }

    /// The batches of `project` as `BatchGetBuildBatches` tells of them, oldest first.
    pub fn batches(&self, project: &str) -> Vec<Json> {
        let batches = held(&self.state.batches);
        let of_project = batches.iter().filter(|batch| batch.record["projectName"] == project);
        of_project.map(|batch| batch.record.clone()).collect()
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.service.requests()
    }
}

impl Drop for CodeBuildStandIn {
    fn drop(&mut self) {
        for builds in [&self.state.builds, &self.state.batches] {
            for build in held(builds).iter() {
                build.stop.send_replace(true);
            }
        }
    }
}

/// What the server and the builds share.
struct State {
    settings: Settings,
    emulator: Emulator,
    projects: Mutex<BTreeMap<String, Project>>,
    builds: Mutex<Vec<Build>>,
    batches: Mutex<Vec<Build>>,
    told: Mutex<Option<String>>,
    /// Projects of whose builds nobody is told.
    untold: Mutex<BTreeSet<String>>,
}

/// A build, or a batch of builds.
struct Build {
    /// What `BatchGetBuilds` tells.
    record: Json,
    /// The request that started it.
    request: Json,
    /// Ends it.
    stop: watch::Sender<bool>,
}
