//! Test reports: how many cases there were and which of them failed.

mod cucumber;
mod xml;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use penstock_model::plain;

use crate::definition::ReportFormat;

/// The largest report file that is read, in bytes.
const MAX_BYTES: u64 = 64 << 20;
/// How many failing cases a report lists.
const MAX_FAILING: usize = 500;
/// The longest name of a case, in characters, as `CodeBuild` limits it.
const MAX_NAME: usize = 1000;
/// The longest message of a case, in characters, as `CodeBuild` limits it.
const MAX_MESSAGE: usize = 5000;

/// What a report group's files say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The group's name, expanded.
    pub name: String,
    /// The files' format.
    pub format: ReportFormat,
    /// The files, relative to the source directory.
    pub files: Vec<String>,
    /// How many cases there were of each kind; all zero for a coverage report, which is not read.
    pub counts: Counts,
    /// The time that the cases took, as far as the files say.
    pub duration: Duration,
    /// Cases that failed, the first 500.
    pub failing: Vec<FailingCase>,
    /// Files that could not be read, and why.
    pub problems: Vec<String>,
}

/// How many cases there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Passed.
    pub succeeded: u64,
    /// Failed: an expectation was not met.
    pub failed: u64,
    /// Ended by an error of the test itself.
    pub error: u64,
    /// Not run.
    pub skipped: u64,
    /// The file does not say.
    pub unknown: u64,
}

impl Counts {
    /// All cases.
    pub fn total(&self) -> u64 {
        self.succeeded + self.failed + self.error + self.skipped + self.unknown
    }

    fn count(&mut self, status: CaseStatus) {
        *match status {
            CaseStatus::Succeeded => &mut self.succeeded,
            CaseStatus::Failed => &mut self.failed,
            CaseStatus::Error => &mut self.error,
            CaseStatus::Skipped => &mut self.skipped,
            CaseStatus::Unknown => &mut self.unknown,
        } += 1;
    }
}

/// A case that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailingCase {
    /// Its class, suite or feature.
    pub suite: String,
    /// Its name.
    pub name: String,
    /// What went wrong.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum CaseStatus {
    #[default]
    Succeeded,
    Failed,
    Error,
    Skipped,
    Unknown,
}

/// One case of a file.
#[derive(Debug, Default)]
struct Case {
    suite: String,
    name: String,
    message: String,
    status: CaseStatus,
    duration: Duration,
}

impl Report {
    /// A report without files.
    pub(crate) fn new(name: String, format: ReportFormat) -> Self {
        let (files, failing, problems) = (Vec::new(), Vec::new(), Vec::new());
        Self { name, format, files, counts: Counts::default(), duration: Duration::ZERO, failing, problems }
    }

    /// Adds the file at `path`, shown as `name`. A file that cannot be read is noted, not fatal.
    pub(crate) fn add(&mut self, name: String, path: &Path) {
        if !self.format.is_coverage()
            && let Err(problem) = self.read(path)
        {
            self.problems.push(format!("{name}: {problem}"));
        }
        self.files.push(name);
    }

    fn read(&mut self, path: &Path) -> Result<(), String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let bytes = file.metadata().map_err(|error| error.to_string())?.len();
        if bytes > MAX_BYTES {
            return Err(format!("{bytes} bytes; at most {MAX_BYTES} are read"));
        }
        let input = file.take(MAX_BYTES);
        if self.format == ReportFormat::CucumberJson {
            return cucumber::read(input, |case| self.take(&case));
        }
        xml::read(self.format, input, |case| self.take(&case))
    }

    fn take(&mut self, case: &Case) {
        self.counts.count(case.status);
        self.duration = self.duration.saturating_add(case.duration);
        if matches!(case.status, CaseStatus::Failed | CaseStatus::Error) && self.failing.len() < MAX_FAILING {
            let (suite, name) = (shown(&case.suite, MAX_NAME), shown(&case.name, MAX_NAME));
            self.failing.push(FailingCase { suite, name, message: shown(&case.message, MAX_MESSAGE) });
        }
    }
}

/// Without control characters other than ends of lines, and not too long.
fn shown(text: &str, characters: usize) -> String {
    plain::block(text.trim()).chars().take(characters).collect()
}

fn seconds(text: &str) -> Duration {
    let seconds = text.trim().replace(',', "").parse().ok();
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
