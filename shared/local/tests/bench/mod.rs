//! A git repository, a state folder, and machines that start in them.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use penstock_app::control::{GivenVerdict, StartRequest};
use penstock_app::view::{ActionView, ExecutionView};
use penstock_local::machine::{Idle, Machine, MachineError};
use penstock_local::settings::Settings;
use penstock_model::id::{AttemptId, ExecutionId};
use penstock_model::pipeline::Pipeline;
use penstock_testkit::build::name;
use tempfile::TempDir;

/// Nothing here takes this long; what does is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A git repository with one commit, and a state folder beside it.
pub(crate) struct Bench {
    folder: TempDir,
}

impl Bench {
    pub(crate) async fn with(files: &[(&str, &str)]) -> Self {
        // A second test finds it set; what is logged is shown when a test fails.
        let _ = tracing_subscriber::fmt().with_test_writer().try_init();
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        let repository = git2::Repository::init(bench.tree()).unwrap();
        for (path, content) in files {
            bench.write(path, content);
        }
        let mut index = repository.index().unwrap();
        index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
        index.write().unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        let author = git2::Signature::now("A", "a@example.com").unwrap();
        repository.commit(Some("HEAD"), &author, &author, "First\n", &tree, &[]).unwrap();
        bench
    }

    pub(crate) fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("state")
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.tree().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn head(&self) -> String {
        git2::Repository::open(self.tree()).unwrap().head().unwrap().target().unwrap().to_string()
    }

    pub(crate) async fn start(&self) -> Running {
        self.start_with(|_| {}).await
    }

    pub(crate) async fn start_with(&self, change: impl FnOnce(&mut Settings)) -> Running {
        let mut settings = Settings { repository: Some(self.tree()), ..Settings::new(self.dir()) };
        change(&mut settings);
        Running { machine: Machine::start(settings, vec![]).await.unwrap() }
    }

    /// A machine that is open and takes nothing up yet.
    pub(crate) async fn open(&self) -> Idle {
        let settings = Settings { repository: Some(self.tree()), ..Settings::new(self.dir()) };
        Machine::open(settings, vec![]).await.unwrap()
    }

    pub(crate) async fn try_start(&self) -> Result<Machine, MachineError> {
        Machine::start(Settings { repository: Some(self.tree()), ..Settings::new(self.dir()) }, vec![]).await
    }
}

/// A machine that runs.
pub(crate) struct Running {
    machine: Machine,
}

impl std::ops::Deref for Running {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.machine
    }
}

impl Running {
    pub(crate) async fn apply(&self, pipeline: Pipeline) {
        self.control.apply(pipeline, "me").await.unwrap();
    }

    pub(crate) async fn begin(&self, pipeline: &str) -> ExecutionId {
        self.control.start(StartRequest::by(name(pipeline), "me")).await.unwrap()
    }

    pub(crate) async fn approve(&self, pipeline: &str, stage: &str, action: &str) {
        self.control
            .verdict(
                &name(pipeline),
                &name(stage),
                &name(action),
                None,
                GivenVerdict { approved: true, by: "me", comment: "fine" },
            )
            .await
            .unwrap();
    }

    /// Waits, change by change, until `enough` of the execution is so.
    pub(crate) async fn until(
        &self,
        execution: &ExecutionId,
        enough: impl Fn(&ExecutionView) -> bool,
    ) -> ExecutionView {
        let pipeline = self.query.pipeline_of(execution).await.unwrap();
        let mut last = None;
        let wait = async {
            loop {
                let seen = self.query.changes();
                let view = self.query.execution(&pipeline, Some(execution)).await.unwrap();
                if enough(&view) {
                    return view;
                }
                last = Some(view);
                self.query.wait_for_change(seen).await;
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(view) => view,
            Err(_) => panic!("it does not come to that: {last:#?}"),
        }
    }

    pub(crate) async fn ended(&self, execution: &ExecutionId) -> ExecutionView {
        self.until(execution, |view| view.ended_at.is_some()).await
    }

    pub(crate) fn action(&self, view: &ExecutionView, action: &str) -> ActionView {
        let mut actions = view.stages.iter().flat_map(|stage| &stage.actions);
        actions.find(|view| view.name.as_str() == action).cloned().unwrap()
    }

    pub(crate) async fn log(
        &self,
        execution: &ExecutionId,
        stage: &str,
        action: &str,
        number: u32,
    ) -> String {
        let attempt =
            AttemptId { execution: execution.clone(), stage: name(stage), action: name(action), number };
        String::from_utf8_lossy(&self.query.log(&attempt, 0, 1 << 20).await.unwrap()).into_owned()
    }

    /// Waits until an attempt's log has a line that ends with `text`.
    pub(crate) async fn log_says(
        &self,
        execution: &ExecutionId,
        (stage, action, number): (&str, &str, u32),
        text: &str,
    ) {
        let wait = async {
            while !self.log(execution, stage, action, number).await.lines().any(|line| line.ends_with(text)) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap();
    }

    pub(crate) async fn take_up(idle: Idle) -> Self {
        Self { machine: idle.take_up().await.unwrap() }
    }

    pub(crate) fn crash(self) {
        drop(self.machine);
    }

    pub(crate) async fn shut_down(self) {
        self.machine.shut_down().await;
    }
}
