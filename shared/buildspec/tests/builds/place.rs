//! Where a test's build runs, and what it leaves behind.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use penstock_buildspec::*;

#[derive(Default)]
pub(super) struct Lines(pub(super) Mutex<Vec<String>>);

impl LogSink for Lines {
    fn write_line(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

/// A build's place: sources, its own folder and its log.
pub(super) struct Place {
    pub(super) folder: tempfile::TempDir,
    pub(super) lines: Arc<Lines>,
}

impl Place {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["source", "work"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder, lines: Arc::default() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn request(&self, buildspec: &str) -> Request {
        let parsed = parse(buildspec);
        let buildspec = parsed.buildspec.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
        let mut request =
            Request::new(Arc::new(buildspec), self.path("source"), self.path("work"), self.lines.clone());
        request.machine = vec![("PATH".into(), std::env::var("PATH").unwrap()), ("HOME".into(), "/".into())];
        request.timeout = Duration::from_secs(60);
        request
    }

    pub(super) async fn run(&self, buildspec: &str) -> Outcome {
        run(self.request(buildspec)).await
    }

    /// What commands have written, without markers.
    pub(super) fn output(&self) -> Vec<String> {
        let lines = self.lines.0.lock().unwrap();
        lines.iter().filter(|line| !line.starts_with("[Container]")).cloned().collect()
    }

    pub(super) fn log(&self) -> String {
        self.lines.0.lock().unwrap().join("\n")
    }
}

pub(super) fn build(commands: &str) -> String {
    format!("version: 0.2\nphases:\n  build:\n    commands:\n{commands}")
}

pub(super) fn statuses(outcome: &Outcome) -> Vec<String> {
    outcome.phases.iter().map(|phase| format!("{} {}", phase.phase, phase.status)).collect()
}

pub(super) fn unzip(path: &Path) -> Vec<String> {
    let into = tempfile::tempdir().unwrap();
    penstock_archive::extract(path, into.path(), penstock_archive::Limits::default()).unwrap();
    let files = walkdir::WalkDir::new(into.path()).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = files.filter(|entry| !entry.file_type().is_dir());
    files.map(|entry| entry.path().strip_prefix(into.path()).unwrap().display().to_string()).collect()
}
