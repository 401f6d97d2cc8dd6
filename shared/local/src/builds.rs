//! CodeBuild and Commands actions: a buildspec, or a list of commands, run in child processes of this machine.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use penstock_app::engine::state::{AttemptError, ErrorCode, External};
use penstock_app::port::PortError;
use penstock_app::port::clock::Clock;
use penstock_app::port::provider::{Begun, Ending, Observation, Provider, Work};
use penstock_buildspec::{BuildInfo, Buildspec, LogSink, Outputs, Ready, Request, Variable, run_batch};
use penstock_model::artifact::Artifact;
use penstock_process::Lineage;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::anticipated::Anticipated;
use crate::attempt_log::AttemptLog;
use crate::environment;
use crate::in_flight::{EndSignal, InFlight, OnShutDown};
use crate::logs::LogFiles;
use crate::machine_files::MachineFiles;
use crate::objects::Objects;
use crate::secrets::MachineSecrets;
use crate::workspace::{Workspace, Workspaces};

mod batch;
mod ending;
mod numbers;
mod plan;

pub use numbers::BuildNumbers;

use numbers::Expected;
use plan::Plan;
pub(crate) use plan::refuse;

/// The folder in a build's work folder in which its commands start.
const SOURCE: &str = "src";
/// The one that the build keeps for itself.
const BUILD: &str = "build";

/// What a build that an earlier server began ends with.
const INTERRUPTED: &str =
    "the server was interrupted while it ran; its processes have ended, and it is attempted again";

/// Performs CodeBuild and Commands actions on this machine.
#[derive(Clone)]
pub struct Builds(pub(crate) Arc<Parts>);

/// What builds need.
pub(crate) struct Parts {
    pub(crate) dir: PathBuf,
    pub(crate) files: MachineFiles,
    pub(crate) workspaces: Workspaces,
    pub(crate) objects: Objects,
    pub(crate) logs: LogFiles,
    pub(crate) in_flight: InFlight,
    pub(crate) secrets: Arc<MachineSecrets>,
    pub(crate) lineage: Lineage,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) numbers: BuildNumbers,
    /// How many builds run at a time.
    pub(crate) places: Arc<Semaphore>,
    /// How many that is altogether.
    pub(crate) all_places: usize,
    pub(crate) anticipated: Anticipated<Laid>,
}

#[async_trait]
impl Provider for Builds {
    async fn start(&self, work: &Work, taken_over: bool) -> Result<Begun, PortError> {
        if taken_over && self.0.in_flight.observe(&work.attempt) == Observation::Gone {
            return Ok(Begun::Ended(Ending::Interrupted { message: INTERRUPTED.into() }));
        }
        let external = External { id: build_id(&work.attempt.token()), url: None };
        let (parts, inner, told) = (Arc::clone(&self.0), work.clone(), external.clone());
        let task = move |end: EndSignal| async move { parts.build(inner, told, end).await };
        Ok(self.0.in_flight.begin(&work.pipeline, &work.attempt, external, OnShutDown::End, task).await)
    }

    fn anticipate(&self, work: &Work) {
        // A busy machine gains nothing by doing things earlier.
        if self.0.places.available_permits() * 2 <= self.0.all_places {
            return;
        }
        if let Ok(place) = Arc::clone(&self.0.places).try_acquire_owned() {
            let (parts, inner, runtime) = (Arc::clone(&self.0), work.clone(), Handle::current());
            self.0.anticipated.begin(work, move || Laid { build: parts.lay(&inner, &runtime), place });
        }
    }

    async fn observe(&self, work: &Work, _external: &External) -> Result<Observation, PortError> {
        Ok(match self.0.in_flight.observe(&work.attempt) {
            Observation::Gone => Observation::Ended(Ending::Interrupted { message: INTERRUPTED.into() }),
            known @ (Observation::Running | Observation::Ended(_)) => known,
        })
    }

    async fn cancel(&self, work: &Work, _external: Option<&External>) -> Result<Observation, PortError> {
        Ok(self.0.in_flight.cancel(&work.attempt))
    }
}

impl Parts {
    async fn build(self: Arc<Self>, work: Work, external: External, end: EndSignal) -> Ending {
        let laid = match self.anticipated.take(&work).await {
            Some(laid) => laid,
            None => {
                let place = tokio::select! {
                    place = Arc::clone(&self.places).acquire_owned() => place,
                    _ = end.asked() => return Ending::Cancelled,
                };
                let Ok(place) = place else { return Ending::Cancelled };
                let (parts, inner, runtime) = (Arc::clone(&self), work.clone(), Handle::current());
                let laying = tokio::task::spawn_blocking(move || parts.lay(&inner, &runtime));
                Laid { build: laying.await.unwrap_or_else(|error| Err(system(error.to_string()))), place }
            }
        };
        let log = AttemptLog::open(&self.logs, &work.attempt)
            .map_err(|error| system(format!("opening the log: {error}")));
        let ending = match laid.build.and_then(|build| Ok((build, log?))) {
            Ok((build, log)) => {
                let workspace = build.workspace;
                // Nobody else sets it.
                let _ = build.log.0.set(log);
                let ending = self.run(&work, build.prepared, workspace.path(), external, end).await;
                // Removing a large folder must not hold up the report.
                drop(tokio::task::spawn_blocking(move || drop(workspace)));
                ending
            }
            Err(error) => Ending::Failed { error, external: Some(external) },
        };
        drop(laid.place);
        ending
    }

    /// Everything before the first command. A shell takes a while to start: where nothing in the inputs says how, it
    /// starts while they are extracted.
    fn lay(&self, work: &Work, runtime: &Handle) -> Result<LaidBuild, AttemptError> {
        let (workspace, inputs) = self.lay_out(work)?;
        let extract =
            || inputs.iter().try_for_each(|input| self.workspaces.extract(input.artifact, &input.folder));
        let ahead = plan::is_known_without_source(work);
        if !ahead {
            extract().map_err(|error| unusable(&error))?;
        }
        let source = workspace.path().join(SOURCE);
        let plan = Plan::of(work, &self.files, source, secondary(&inputs))?;
        let ((stop, stopped), batched) = (watch::channel(false), plan.batched);
        let log = Arc::new(BuildSink::default());
        let expected = plan.counted.then(|| self.numbers.expect(&plan.project));
        let number = expected.as_ref().map_or(work.attempt.number.into(), |expected| expected.number);
        let request = self.request(work, plan, workspace.path(), log.clone(), stopped, number);
        let build = match batched {
            true => Kind::Batch(Box::new(request)),
            false => Kind::Single(Box::new(runtime.block_on(Ready::new(request)))),
        };
        if ahead {
            extract().map_err(|error| unusable(&error))?;
        }
        Ok(LaidBuild { prepared: Prepared { build, stop, expected }, log, workspace })
    }

    /// Makes the build's folders, and says which input goes where.
    fn lay_out<'a>(&self, work: &'a Work) -> Result<(Workspace, Vec<Input<'a>>), AttemptError> {
        let no_folder = |error| system(format!("making a work folder: {error}"));
        let workspace = self.workspaces.create(&work.attempt).map_err(no_folder)?;
        let path = workspace.path().to_owned();
        for folder in [SOURCE, BUILD] {
            workspace.folder(folder).map_err(no_folder)?;
        }
        let primary = plan::primary_source(work)?;
        let inputs = work.inputs.iter().enumerate().map(|(index, artifact)| {
            let is_primary = primary == Some(&artifact.name);
            let folder = if is_primary { path.join(SOURCE) } else { path.join(format!("{SOURCE}{index}")) };
            Input { artifact, folder, is_primary }
        });
        Ok((workspace, inputs.collect()))
    }

    fn request(
        &self,
        work: &Work,
        plan: Plan,
        folder: &Path,
        sink: Arc<dyn LogSink>,
        stop: watch::Receiver<bool>,
        number: u64,
    ) -> Request {
        let id = build_id(&work.attempt.token());
        let primary = plan::primary_source(work).ok().flatten();
        let revision = work.source_version(primary).map(str::to_owned);
        let build = BuildInfo {
            project: plan.project.clone(),
            id,
            number,
            initiator: format!("codepipeline/{}", work.pipeline),
            image: Some(plan.image.unwrap_or_else(|| LOCAL_IMAGE.into())),
            source_repo_url: Some(source_url(work)),
            resolved_source_version: revision.clone(),
            source_version: revision,
            further: vec![
                ("PENSTOCK_EXECUTION_ID".into(), work.attempt.execution.to_string()),
                ("PENSTOCK_PIPELINE".into(), work.pipeline.to_string()),
            ],
            ..BuildInfo::default()
        };
        let text = |text: std::ffi::OsString| text.into_string().ok();
        let machine = environment::inherited()
            .into_iter()
            .filter_map(|(name, value)| Some((text(name)?, text(value)?)));
        Request {
            secondary_sources: plan.secondary_sources,
            outputs: outputs(work, folder),
            machine: machine.collect(),
            project_variables: plan.project_variables,
            action_variables: plan.action_variables,
            build,
            secrets: self.secrets.clone(),
            stop,
            timeout: plan.timeout,
            lineage: Some(self.lineage.clone()),
            cache: Some(self.dir.join("cache").join(&plan.project)),
            ..Request::new(plan.buildspec, plan.source, folder.join(BUILD), sink)
        }
    }

    async fn run(
        &self,
        work: &Work,
        build: Prepared,
        folder: &Path,
        external: External,
        end: EndSignal,
    ) -> Ending {
        let started_at = self.clock.now();
        let Prepared { build, stop, expected } = build;
        let build = build.numbered(expected).await;
        let stopping = async {
            end.asked().await;
            stop.send_replace(true);
            std::future::pending::<()>().await;
        };
        match build {
            Kind::Batch(request) => {
                let zips = folder.join("zips");
                if let Err(error) = std::fs::create_dir(&zips) {
                    let error = system(format!("making a work folder: {error}"));
                    return Ending::Failed { error, external: Some(external) };
                }
                let ended = tokio::select! {
                    ended = run_batch(*request, &zips) => ended,
                    () = stopping => return Ending::Cancelled,
                };
                self.batch_ending(work, ended, &zips, external, started_at).await
            }
            Kind::Single(ready) => {
                let outcome = tokio::select! {
                    outcome = ready.run() => outcome,
                    () = stopping => return Ending::Cancelled,
                };
                self.ending(work, outcome, external, started_at).await
            }
        }
    }
}

/// What there is before the first command of a build: everything, or why there will be none.
pub(crate) struct Laid {
    build: Result<LaidBuild, AttemptError>,
    place: OwnedSemaphorePermit,
}

struct LaidBuild {
    prepared: Prepared,
    log: Arc<BuildSink>,
    /// Behind the build, so that it goes after the shell that works in it.
    workspace: Workspace,
}

/// A build that can begin.
struct Prepared {
    build: Kind,
    /// Ends it.
    stop: watch::Sender<bool>,
    /// The number that it has been made ready with, if its project's builds are counted.
    expected: Option<Expected>,
}

enum Kind {
    Single(Box<Ready>),
    /// The buildspec's batch runs instead of its phases.
    Batch(Box<Request>),
}

/// An input artifact, and the folder that it is extracted into.
struct Input<'a> {
    artifact: &'a Artifact,
    folder: PathBuf,
    is_primary: bool,
}

/// The inputs that are not the one in which the build starts: their names and folders.
fn secondary(inputs: &[Input<'_>]) -> Vec<(String, PathBuf)> {
    let others = inputs.iter().filter(|input| !input.is_primary);
    others.map(|input| (input.artifact.name.as_str().to_owned(), input.folder.clone())).collect()
}

impl Kind {
    /// The build begins: only now it takes its number, which as a rule is the one that was expected.
    async fn numbered(self, expected: Option<Expected>) -> Self {
        let Some(expected) = expected else { return self };
        let number = expected.take();
        match self {
            Self::Single(ready) => Self::Single(Box::new(ready.numbered(number).await)),
            Self::Batch(mut request) => {
                request.build.number = number;
                Self::Batch(request)
            }
        }
    }
}

/// Where the build's artifacts go: one output is the primary artifact, several are the secondary ones of their names.
fn outputs(work: &Work, folder: &Path) -> Outputs {
    let zip = |name: &str| folder.join(format!("{name}.zip"));
    match work.action.output_artifacts.as_slice() {
        [] => Outputs::default(),
        [only] => Outputs { primary: Some(zip(only.name.as_str())), secondary: vec![] },
        several => {
            let secondary =
                several.iter().map(|output| (output.name.as_str().to_owned(), zip(output.name.as_str())));
            Outputs { primary: None, secondary: secondary.collect() }
        }
    }
}

/// Where the commit is seen; empty, as in `CodePipeline`, where it is no URL.
fn source_url(work: &Work) -> String {
    work.revisions.values().next().and_then(|revision| revision.url.clone()).unwrap_or_default()
}

/// A UUID that follows from the attempt's token.
fn build_id(token: &str) -> String {
    let digits = token.trim_start_matches("p-");
    let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)]
        .map(|(from, to)| digits.get(from..to).unwrap_or_default());
    parts.join("-")
}

fn system(message: String) -> AttemptError {
    AttemptError::new(ErrorCode::SystemUnavailable, message)
}

/// An input that cannot be extracted.
pub(crate) fn unusable(error: &PortError) -> AttemptError {
    let code = if error.retryable { ErrorCode::SystemUnavailable } else { ErrorCode::JobFailed };
    AttemptError::new(code, error.in_a_sentence())
}

/// Writes a build's lines into the attempt's log, which there is as soon as the build has begun.
#[derive(Default)]
struct BuildSink(OnceLock<AttemptLog>);

impl LogSink for BuildSink {
    fn write_line(&self, line: &str) {
        if let Some(log) = self.0.get() {
            log.line(line);
        }
    }

    fn write_lines(&self, lines: &[String]) {
        if let Some(log) = self.0.get() {
            log.lines(lines);
        }
    }
}

/// What a plan is made of, shared with the modules beneath.
type Variables = Vec<Variable>;
/// A buildspec that is not changed any more.
type SharedBuildspec = Arc<Buildspec>;
/// What a build's image is called where the project names none: commands run on this machine as it is.
const LOCAL_IMAGE: &str = "local";
/// How long a Commands action may take (AWS CodePipeline user guide, quotas).
const COMMANDS_TIMEOUT: Duration = Duration::from_secs(55 * 60);
