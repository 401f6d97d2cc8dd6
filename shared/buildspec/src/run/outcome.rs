//! What became of a build.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::reports::Report;

/// The end of a build.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How it ended.
    pub status: BuildStatus,
    /// Every phase that ran, in order; after a retry, those of every try.
    pub phases: Vec<PhaseOutcome>,
    /// What failed first.
    pub failure: Option<Failure>,
    /// Exported variables that were set, in the buildspec's order.
    pub exported_variables: Vec<(String, String)>,
    /// Reports that were found.
    pub reports: Vec<Report>,
    /// Artifacts that were written.
    pub artifacts: Vec<Artifact>,
}

/// How a build or a phase ended (`StatusType` of `CodeBuild`'s API).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BuildStatus {
    /// All went well.
    Succeeded,
    /// Something that the source or its buildspec is to blame for.
    Failed,
    /// The machine failed: a disk, a process limit. Trying again may help.
    Fault,
    /// It took too long.
    TimedOut,
    /// Somebody stopped it.
    Stopped,
}

impl fmt::Display for BuildStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Fault => "FAULT",
            Self::TimedOut => "TIMED_OUT",
            Self::Stopped => "STOPPED",
        })
    }
}

/// The phases of a build that happen here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BuildPhase {
    /// Environment, runtimes, cache.
    DownloadSource,
    /// `install`.
    Install,
    /// `pre_build`.
    PreBuild,
    /// `build`.
    Build,
    /// `post_build`.
    PostBuild,
    /// Reports, artifacts, cache.
    UploadArtifacts,
}

impl fmt::Display for BuildPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DownloadSource => "DOWNLOAD_SOURCE",
            Self::Install => "INSTALL",
            Self::PreBuild => "PRE_BUILD",
            Self::Build => "BUILD",
            Self::PostBuild => "POST_BUILD",
            Self::UploadArtifacts => "UPLOAD_ARTIFACTS",
        })
    }
}

/// One phase's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseOutcome {
    /// Which one.
    pub phase: BuildPhase,
    /// How it ended.
    pub status: BuildStatus,
    /// The context's status code, such as `COMMAND_EXECUTION_ERROR`; empty after success.
    pub code: String,
    /// The context's message.
    pub message: String,
    /// When it began.
    pub started: SystemTime,
    /// How long it took.
    pub duration: Duration,
}

/// What failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The phase.
    pub phase: BuildPhase,
    /// The context's status code.
    pub code: String,
    /// What happened, secrets masked.
    pub message: String,
    /// The command, secrets masked.
    pub command: Option<String>,
    /// The command's exit code; 128 and the signal's number if a signal ended it.
    pub exit_code: Option<i32>,
    /// The last lines that the command wrote.
    pub last_lines: Vec<String>,
}

/// An artifact that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// A secondary artifact's identifier; `None` is the primary artifact.
    pub identifier: Option<String>,
    /// The name from the buildspec, expanded.
    pub name: Option<String>,
    /// `s3-prefix` of the buildspec, expanded.
    pub s3_prefix: Option<String>,
    /// The zip.
    pub path: PathBuf,
    /// Its files.
    pub files: usize,
}
