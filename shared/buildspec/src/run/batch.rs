//! A batch: several builds of one source, in parallel as far as their dependencies allow.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use penstock_model::diagnostic::Diagnostic;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::halt::stopped;
use super::outcome::{BuildStatus, Outcome};
use super::request::{Outputs, Request, Variable, VariableValue};
use crate::definition::{Batch, BatchBuilds, BatchedBuild, Buildspec};
use crate::files::copy_tree;
use crate::log::LogSink;
use crate::parse::parse;

/// The end of a batch.
#[derive(Debug, Clone)]
pub struct BatchOutcome {
    /// Failed if a build failed whose failure counts; stopped if somebody stopped it.
    pub status: BuildStatus,
    /// Every build, in the buildspec's order.
    pub builds: Vec<BatchedOutcome>,
}

/// The end of one build of a batch.
#[derive(Debug, Clone)]
pub struct BatchedOutcome {
    /// Its name in the batch.
    pub identifier: String,
    /// `None` if it never ran, because one that it depends on failed or the batch ended before.
    pub outcome: Option<Outcome>,
}

/// Why a batch did not start.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The buildspec has no `batch`.
    #[error(
        "the buildspec has no `batch`; add one with `build-list` or `build-graph`, or run it as a single build"
    )]
    NoBatch,
    /// The machine has nothing to vary.
    #[error("`{0}` is not run on one machine; write its builds out under `build-list`")]
    Unsupported(&'static str),
    /// A build's own buildspec is missing or refused.
    #[error("the buildspec of `{identifier}`: {reason}")]
    Buildspec {
        /// The build.
        identifier: String,
        /// What is wrong.
        reason: String,
        /// What the check of the file says.
        diagnostics: Vec<Diagnostic>,
    },
}

/// Runs the builds of `request.buildspec`'s batch. Each works on a copy of the source under `request.work`, its log lines
/// carry its identifier, and its artifacts are written to `outputs` as `<identifier>.zip` and
/// `<identifier>-<secondary>.zip`. The timeout is each build's own.
///
/// A build whose dependency failed (and does not say `ignore-failure`) does not run; the reference leaves that open.
///
/// # Errors
/// [`BatchError`]: nothing has run.
pub async fn run_batch(request: Request, outputs: &Path) -> Result<BatchOutcome, BatchError> {
    let batch = request.buildspec.batch.clone().ok_or(BatchError::NoBatch)?;
    let builds = match &batch.builds {
        BatchBuilds::List(builds) | BatchBuilds::Graph(builds) | BatchBuilds::Matrix(builds) => {
            builds.clone()
        }
        BatchBuilds::Fanout => return Err(BatchError::Unsupported("build-fanout")),
    };
    let mut requests = HashMap::new();
    for build in &builds {
        requests.insert(build.identifier.clone(), one(&request, build, outputs)?);
    }
    let (stop, _) = watch::channel(false);
    let run = BatchRun { batch, builds, requests, stop, running: JoinSet::new(), outcomes: HashMap::new() };
    Ok(run.run(request).await)
}

struct BatchRun {
    batch: Batch,
    builds: Vec<BatchedBuild>,
    /// Those that have not started.
    requests: HashMap<String, Request>,
    stop: watch::Sender<bool>,
    running: JoinSet<(String, io::Result<Outcome>)>,
    outcomes: HashMap<String, Outcome>,
}

impl BatchRun {
    async fn run(mut self, mut request: Request) -> BatchOutcome {
        let (mut fault, mut was_stopped) = (false, false);
        self.start_what_can(&request.source);
        while !self.running.is_empty() {
            tokio::select! {
                () = stopped(&mut request.stop), if !was_stopped => {
                    was_stopped = true;
                    self.end();
                }
                Some(done) = self.running.join_next() => {
                    match done {
                        Ok((identifier, Ok(outcome))) => self.done(identifier, outcome),
                        Ok((_, Err(_))) | Err(_) => fault = true,
                    }
                    self.start_what_can(&request.source);
                }
            }
        }
        let status = match self.failed() {
            _ if was_stopped => BuildStatus::Stopped,
            _ if fault => BuildStatus::Fault,
            true => BuildStatus::Failed,
            false => BuildStatus::Succeeded,
        };
        let BatchRun { builds, mut outcomes, .. } = self;
        let builds = builds.into_iter().map(|BatchedBuild { identifier, .. }| {
            let outcome = outcomes.remove(&identifier);
            BatchedOutcome { identifier, outcome }
        });
        BatchOutcome { status, builds: builds.collect() }
    }

    /// Starts every build whose dependencies have succeeded, or may fail.
    fn start_what_can(&mut self, source: &Path) {
        for build in &self.builds {
            let ready = build.depend_on.iter().all(|other| self.settled_well(other));
            if ready && let Some(request) = self.requests.remove(&build.identifier) {
                let (identifier, source) = (build.identifier.clone(), source.to_owned());
                let request = Request { stop: self.stop.subscribe(), ..request };
                self.running.spawn(async move { (identifier, start(request, source).await) });
            }
        }
    }

    fn settled_well(&self, identifier: &str) -> bool {
        let outcome = self.outcomes.get(identifier);
        outcome.is_some_and(|outcome| outcome.status == BuildStatus::Succeeded || self.may_fail(identifier))
    }

    fn may_fail(&self, identifier: &str) -> bool {
        self.builds.iter().any(|build| build.identifier == identifier && build.ignore_failure)
    }

    fn done(&mut self, identifier: String, outcome: Outcome) {
        let failed = outcome.status != BuildStatus::Succeeded && !self.may_fail(&identifier);
        self.outcomes.insert(identifier, outcome);
        if self.batch.fast_fail && failed {
            self.end();
        }
    }

    /// Stops what runs and starts nothing more.
    fn end(&mut self) {
        self.requests.clear();
        self.stop.send_replace(true);
    }

    /// Whether a build failed, or did not run, whose failure counts.
    fn failed(&self) -> bool {
        self.builds.iter().any(|build| !self.settled_well(&build.identifier) && !build.ignore_failure)
    }
}

async fn start(request: Request, source: PathBuf) -> io::Result<Outcome> {
    let (copy, work) = (request.source.clone(), request.work.clone());
    let prepared = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&work)?;
        std::fs::create_dir_all(&copy)?;
        copy_tree(&source, &copy).map(drop)
    });
    prepared.await??;
    Ok(super::run(request).await)
}

/// What one build of the batch is given.
fn one(request: &Request, build: &BatchedBuild, outputs: &Path) -> Result<Request, BatchError> {
    let identifier = &build.identifier;
    let buildspec = buildspec(request, build)?;
    let variables = build.variables.iter().map(|(name, value)| {
        let value = VariableValue::Plaintext(value.clone());
        Variable { name: name.clone(), value }
    });
    let mut own = Request {
        source: request.work.join(identifier).join("source"),
        work: request.work.join(identifier).join("work"),
        outputs: output_paths(&buildspec, identifier, outputs),
        sink: Arc::new(Named { identifier: identifier.clone(), sink: request.sink.clone() }),
        buildspec,
        ..request.clone()
    };
    own.project_variables.extend(variables);
    own.build.batch_identifier = Some(identifier.clone());
    own.build.id = format!("{}-{identifier}", request.build.id);
    own.build.image = build.image.clone().or(own.build.image);
    Ok(own)
}

/// The batch's own buildspec, a file of the source, or a text.
fn buildspec(request: &Request, build: &BatchedBuild) -> Result<Arc<Buildspec>, BatchError> {
    let Some(given) = &build.buildspec else {
        return Ok(request.buildspec.clone());
    };
    let refused = |reason: String, diagnostics| BatchError::Buildspec {
        identifier: build.identifier.clone(),
        reason,
        diagnostics,
    };
    let text = if given.contains('\n') {
        given.clone()
    } else {
        let path = request.source.join(given);
        std::fs::read_to_string(&path).map_err(|error| refused(format!("{given}: {error}"), Vec::new()))?
    };
    let parsed = parse(&text);
    parsed.buildspec.map(Arc::new).ok_or_else(|| {
        let first = parsed.diagnostics.first().map(Diagnostic::to_string).unwrap_or_default();
        refused(format!("it is refused: {first}"), parsed.diagnostics)
    })
}

fn output_paths(buildspec: &Buildspec, identifier: &str, outputs: &Path) -> Outputs {
    let Some(artifacts) = &buildspec.artifacts else {
        return Outputs::default();
    };
    let has_primary = !artifacts.primary.files.is_empty();
    let secondary = artifacts.secondary.iter();
    Outputs {
        primary: has_primary.then(|| outputs.join(format!("{identifier}.zip"))),
        secondary: secondary
            .map(|(name, _)| (name.clone(), outputs.join(format!("{identifier}-{name}.zip"))))
            .collect(),
    }
}

/// Tells the builds of a batch apart in one log.
struct Named {
    identifier: String,
    sink: Arc<dyn LogSink>,
}

impl LogSink for Named {
    fn write_line(&self, line: &str) {
        self.sink.write_line(&format!("[{}] {line}", self.identifier));
    }
}
