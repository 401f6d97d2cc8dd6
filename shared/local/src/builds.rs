//! CodeBuild and Commands actions: a buildspec, or a list of commands, run in child processes of this machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use penstock_app::engine::state::{AttemptError, External};
use penstock_app::port::PortError;
use penstock_app::port::clock::Clock;
use penstock_app::port::provider::{Begun, Ending, Observation, Provider, Work};
use penstock_buildspec::{BuildInfo, Buildspec, LogSink, Outputs, Request, Variable, run, run_batch};
use penstock_process::Lineage;
use tokio::sync::{Semaphore, watch};

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

use plan::Plan;

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
        let place = tokio::select! {
            place = Arc::clone(&self.places).acquire_owned() => place,
            _ = end.asked() => return Ending::Cancelled,
        };
        let ending = match self.prepare(&work).await {
            Ok((workspace, build)) => {
                let ending = self.run(&work, build, workspace.path(), external, end).await;
                // Removing a large folder must not hold up the report.
                drop(tokio::task::spawn_blocking(move || drop(workspace)));
                ending
            }
            Err(error) => Ending::Failed { error, external: Some(external) },
        };
        drop(place);
        ending
    }

    async fn prepare(self: &Arc<Self>, work: &Work) -> Result<(Workspace, Prepared), AttemptError> {
        let log = AttemptLog::open(&self.logs, &work.attempt)
            .map_err(|error| system(format!("opening the log: {error}")))?;
        let (this, inner) = (Arc::clone(self), work.clone());
        let prepared = tokio::task::spawn_blocking(move || this.lay_out(&inner)).await;
        let (workspace, plan) = prepared.map_err(|error| system(error.to_string()))??;
        let ((stop, stopped), batched) = (watch::channel(false), plan.batched);
        let request = self.request(work, plan, workspace.path(), Arc::new(Told(log)), stopped);
        Ok((workspace, Prepared { request, stop, batched }))
    }

    /// Extracts the inputs and reads what is to be done.
    fn lay_out(&self, work: &Work) -> Result<(Workspace, Plan), AttemptError> {
        let workspace = self
            .workspaces
            .create(&work.attempt)
            .map_err(|error| system(format!("making a work folder: {error}")))?;
        let primary = plan::primary_source(work)?;
        let source = workspace.path().join("src");
        std::fs::create_dir(&source).map_err(|error| system(format!("making a work folder: {error}")))?;
        let mut secondary = vec![];
        for (index, input) in work.inputs.iter().enumerate() {
            let is_primary = primary == Some(&input.name);
            let into = if is_primary { source.clone() } else { workspace.path().join(format!("src{index}")) };
            self.workspaces.extract(input, &into).map_err(unusable)?;
            if !is_primary {
                secondary.push((input.name.as_str().to_owned(), into));
            }
        }
        std::fs::create_dir(workspace.path().join("build"))
            .map_err(|error| system(format!("making a work folder: {error}")))?;
        let plan = Plan::of(work, &self.files, source, secondary)?;
        Ok((workspace, plan))
    }

    fn request(
        &self,
        work: &Work,
        plan: Plan,
        folder: &Path,
        sink: Arc<dyn LogSink>,
        stop: watch::Receiver<bool>,
    ) -> Request {
        let id = build_id(&work.attempt.token());
        let number =
            if plan.counted { self.numbers.next(&plan.project) } else { u64::from(work.attempt.number) };
        let revision = work.revisions.values().next().map(|revision| revision.id.clone());
        let build = BuildInfo {
            project: plan.project.clone(),
            id,
            number,
            initiator: format!("codepipeline/{}", work.pipeline),
            image: plan.image,
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
            ..Request::new(plan.buildspec, plan.source, folder.join("build"), sink)
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
        let Prepared { request, stop, batched } = build;
        let stopping = async {
            end.asked().await;
            stop.send_replace(true);
            std::future::pending::<()>().await;
        };
        if batched {
            let zips = folder.join("zips");
            if let Err(error) = std::fs::create_dir(&zips) {
                let error = system(format!("making a work folder: {error}"));
                return Ending::Failed { error, external: Some(external) };
            }
            let ended = tokio::select! {
                ended = run_batch(request, &zips) => ended,
                () = stopping => return Ending::Cancelled,
            };
            return self.batch_ending(work, ended, &zips, external, started_at).await;
        }
        let outcome = tokio::select! {
            outcome = run(request) => outcome,
            () = stopping => return Ending::Cancelled,
        };
        self.ending(work, outcome, external, started_at).await
    }
}

/// A build that can begin.
struct Prepared {
    request: Request,
    /// Ends it.
    stop: watch::Sender<bool>,
    /// Whether it is a batch.
    batched: bool,
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

/// A UUID that follows from the attempt's token.
fn build_id(token: &str) -> String {
    let digits = token.trim_start_matches("p-");
    let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)]
        .map(|(from, to)| digits.get(from..to).unwrap_or_default());
    parts.join("-")
}

fn system(message: String) -> AttemptError {
    AttemptError { code: "SystemUnavailable".into(), message }
}

fn unusable(error: PortError) -> AttemptError {
    let code = if error.retryable { "SystemUnavailable" } else { "JobFailed" };
    AttemptError { code: code.into(), message: error.message }
}

/// Writes a build's lines into the attempt's log.
struct Told(AttemptLog);

impl LogSink for Told {
    fn write_line(&self, line: &str) {
        self.0.line(line);
    }
}

/// What a plan is made of, shared with the modules beneath.
type Variables = Vec<Variable>;
/// A buildspec that is not changed any more.
type SharedBuildspec = Arc<Buildspec>;
/// How long a Commands action may take (AWS CodePipeline user guide, quotas).
const COMMANDS_TIMEOUT: Duration = Duration::from_secs(55 * 60);
