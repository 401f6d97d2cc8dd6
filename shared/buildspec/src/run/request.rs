//! What a build is given.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use penstock_process::Lineage;
use tokio::sync::watch;

use crate::definition::Buildspec;
use crate::log::{Clock, LogSink};
use crate::secrets::{NoSecrets, SecretReference, Secrets};

/// Everything that one build needs. Start from [`Request::new`].
#[derive(Clone)]
pub struct Request {
    /// What to do.
    pub buildspec: Arc<Buildspec>,
    /// The primary source, `CODEBUILD_SRC_DIR`; commands start here.
    pub source: PathBuf,
    /// Secondary sources by identifier, `CODEBUILD_SRC_DIR_<identifier>`.
    pub secondary_sources: Vec<(String, PathBuf)>,
    /// An empty folder of the build's own for named pipes and artifacts. With `run-as`, others must be able to enter it.
    pub work: PathBuf,
    /// Where artifacts' zips are written.
    pub outputs: Outputs,
    /// The environment of the machine that commands see: at least `PATH`, as a rule `HOME` and `LANG` too.
    pub machine: Vec<(String, String)>,
    /// What the project sets; wins over the buildspec.
    pub project_variables: Vec<Variable>,
    /// What the action or whoever started the build sets; wins over the project.
    pub action_variables: Vec<Variable>,
    /// What the `CODEBUILD_*` variables say.
    pub build: BuildInfo,
    /// Where parameters and secrets come from.
    pub secrets: Arc<dyn Secrets>,
    /// Where the log goes.
    pub sink: Arc<dyn LogSink>,
    /// `true` ends the build and all its processes.
    pub stop: watch::Receiver<bool>,
    /// How long the build may take.
    pub timeout: Duration,
    /// The lock that the build's processes hold.
    pub lineage: Option<Lineage>,
    /// The folder of the local cache; without it `cache` is skipped.
    pub cache: Option<PathBuf>,
    /// What gives the time.
    pub now: Clock,
}

impl Request {
    /// A build of `buildspec` over `source` with its own folder `work`: no artifacts kept, no secrets, an hour's time.
    pub fn new(buildspec: Arc<Buildspec>, source: PathBuf, work: PathBuf, sink: Arc<dyn LogSink>) -> Self {
        Self {
            buildspec,
            source,
            secondary_sources: Vec::new(),
            work,
            outputs: Outputs::default(),
            machine: Vec::new(),
            project_variables: Vec::new(),
            action_variables: Vec::new(),
            build: BuildInfo::default(),
            secrets: Arc::new(NoSecrets),
            sink,
            // Without a sender the value stays as it is.
            stop: watch::channel(false).1,
            timeout: Duration::from_secs(3600),
            lineage: None,
            cache: None,
            now: SystemTime::now,
        }
    }
}

/// Where a build's artifacts are written. What has no path here is not collected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outputs {
    /// The primary artifact's zip; must not exist yet.
    pub primary: Option<PathBuf>,
    /// Secondary artifacts' zips by identifier.
    pub secondary: Vec<(String, PathBuf)>,
}

/// An environment variable from outside the buildspec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, or where to get it.
    pub value: VariableValue,
}

/// Where a variable's value comes from; `type` of `CodeBuild`'s `EnvironmentVariable`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariableValue {
    /// `PLAINTEXT`.
    Plaintext(String),
    /// `PARAMETER_STORE`: the parameter's name.
    Parameter(String),
    /// `SECRETS_MANAGER`.
    Secret(SecretReference),
}

/// What the build is, for its `CODEBUILD_*` variables ("Environment variables in build environments").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildInfo {
    /// The project's name.
    pub project: String,
    /// What is unique to this build, as a rule a UUID; also the log stream's name.
    pub id: String,
    /// Counted from 1 in each project.
    pub number: u64,
    /// `us-east-1`, …
    pub region: String,
    /// Twelve digits.
    pub account: String,
    /// Who started it, such as `codepipeline/NAME`.
    pub initiator: String,
    /// The image that the project asks for.
    pub image: Option<String>,
    /// The commit.
    pub resolved_source_version: Option<String>,
    /// Branch, commit or object.
    pub source_version: Option<String>,
    /// Where the source comes from.
    pub source_repo_url: Option<String>,
    /// The build's name in its batch.
    pub batch_identifier: Option<String>,
    /// Further variables with their full names, such as those of a webhook.
    pub further: Vec<(String, String)>,
}

impl Default for BuildInfo {
    /// As `CodeBuild`'s local agent names things.
    fn default() -> Self {
        Self {
            project: "local".into(),
            id: "00000000-0000-0000-0000-000000000000".into(),
            number: 1,
            region: "us-east-1".into(),
            account: "000000000000".into(),
            initiator: "local".into(),
            image: None,
            resolved_source_version: None,
            source_version: None,
            source_repo_url: None,
            batch_identifier: None,
            further: Vec::new(),
        }
    }
}
