//! What a buildspec says, once it has been checked.
//!
//! Names and defaults are those of the CodeBuild user guide, "Build specification reference".

use crate::secrets::SecretReference;

/// A checked buildspec.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Buildspec {
    /// The buildspec version, which decides how commands share a shell.
    pub version: Version,
    /// The user that all commands run as, unless a phase says otherwise.
    pub run_as: Option<String>,
    /// Environment variables and the shell.
    pub env: Env,
    /// Settings for an explicit proxy server.
    pub proxy: Proxy,
    /// Install, pre-build, build and post-build, as far as the file has them, in the order in which they run.
    pub phases: Vec<Phase>,
    /// Report groups.
    pub reports: Vec<ReportGroup>,
    /// What the build produces.
    pub artifacts: Option<Artifacts>,
    /// What later builds may reuse.
    pub cache: Option<Cache>,
    /// Builds that make up a batch.
    pub batch: Option<Batch>,
}

/// The version of the buildspec's syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// Each command runs in a shell of its own.
    V0_1,
    /// All commands share one shell.
    #[default]
    V0_2,
}

/// The shell that runs commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shell {
    /// `/bin/sh`.
    #[default]
    Sh,
    /// `bash`.
    Bash,
    /// `powershell.exe`, on Windows only.
    PowerShell,
    /// `cmd.exe`, on Windows only.
    Cmd,
}

/// The `env` block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Env {
    /// The shell that runs commands.
    pub shell: Shell,
    /// Names and literal values.
    pub variables: Vec<(String, String)>,
    /// Names and names of Systems Manager parameters.
    pub parameter_store: Vec<(String, String)>,
    /// Names and references to Secrets Manager.
    pub secrets_manager: Vec<(String, SecretReference)>,
    /// Variables that later actions of a pipeline can read.
    pub exported_variables: Vec<String>,
    /// Whether git should ask `CodeBuild` for credentials.
    pub git_credential_helper: bool,
}

/// The `proxy` block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Proxy {
    /// Upload artifacts through the proxy.
    pub upload_artifacts: bool,
    /// Send logs through the proxy.
    pub logs: bool,
}

/// The phases that a buildspec may define.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PhaseName {
    /// `install`.
    Install,
    /// `pre_build`.
    PreBuild,
    /// `build`.
    Build,
    /// `post_build`.
    PostBuild,
}

impl PhaseName {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 4] = [Self::Install, Self::PreBuild, Self::Build, Self::PostBuild];

    /// The key in a buildspec.
    pub fn key(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::PreBuild => "pre_build",
            Self::Build => "build",
            Self::PostBuild => "post_build",
        }
    }
}

/// One phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// Which one.
    pub name: PhaseName,
    /// The user that its commands run as.
    pub run_as: Option<String>,
    /// What a failure of it means for the build.
    pub on_failure: OnFailure,
    /// Runtimes and their versions; only `install` has them.
    pub runtime_versions: Vec<(String, String)>,
    /// Its commands.
    pub commands: Vec<String>,
    /// What runs after the commands even if one of them failed.
    pub finally: Vec<String>,
}

impl Phase {
    /// A phase of nothing but commands.
    pub fn of(name: PhaseName, commands: Vec<String>) -> Self {
        Self {
            name,
            run_as: None,
            on_failure: OnFailure::default(),
            runtime_versions: Vec::new(),
            commands,
            finally: Vec::new(),
        }
    }
}

/// What happens when a phase has failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// What `CodeBuild` does by default for this phase.
    #[default]
    Default,
    /// The build ends here.
    Abort,
    /// The next phase runs.
    Continue,
    /// The build runs again from its first phase.
    Retry {
        /// How often at most.
        count: u8,
        /// Only if this regular expression is found in the error or in the last lines of output.
        pattern: String,
    },
}

/// How often `RETRY` without a count runs a build again.
pub const DEFAULT_RETRIES: u8 = 3;

/// A report group and where its files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportGroup {
    /// An ARN or a name, which may hold variables.
    pub name: String,
    /// Globs relative to `base_directory`.
    pub files: Vec<String>,
    /// Relative to the source directory.
    pub base_directory: Option<String>,
    /// Whether paths are flattened.
    pub discard_paths: bool,
    /// How the files are to be read.
    pub format: ReportFormat,
}

/// The format of a report's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReportFormat {
    /// `CUCUMBERJSON`.
    CucumberJson,
    /// `JUNITXML`.
    #[default]
    JunitXml,
    /// `NUNITXML`.
    NunitXml,
    /// `NUNIT3XML`.
    Nunit3Xml,
    /// `TESTNGXML`.
    TestngXml,
    /// `VISUALSTUDIOTRX`.
    VisualStudioTrx,
    /// `CLOVERXML`, a coverage report.
    CloverXml,
    /// `COBERTURAXML`, a coverage report.
    CoberturaXml,
    /// `JACOCOXML`, a coverage report.
    JacocoXml,
    /// `SIMPLECOV`, a coverage report.
    SimpleCov,
}

impl ReportFormat {
    /// All of them with their names in a buildspec.
    pub const ALL: [(&str, Self); 10] = [
        ("CUCUMBERJSON", Self::CucumberJson),
        ("JUNITXML", Self::JunitXml),
        ("NUNITXML", Self::NunitXml),
        ("NUNIT3XML", Self::Nunit3Xml),
        ("TESTNGXML", Self::TestngXml),
        ("VISUALSTUDIOTRX", Self::VisualStudioTrx),
        ("CLOVERXML", Self::CloverXml),
        ("COBERTURAXML", Self::CoberturaXml),
        ("JACOCOXML", Self::JacocoXml),
        ("SIMPLECOV", Self::SimpleCov),
    ];

    /// Whether the report counts covered code rather than tests.
    pub fn is_coverage(self) -> bool {
        match self {
            Self::CloverXml | Self::CoberturaXml | Self::JacocoXml | Self::SimpleCov => true,
            Self::CucumberJson
            | Self::JunitXml
            | Self::NunitXml
            | Self::Nunit3Xml
            | Self::TestngXml
            | Self::VisualStudioTrx => false,
        }
    }
}

/// The `artifacts` block, primary and secondary.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Artifacts {
    /// The primary artifact; its `files` may be empty.
    pub primary: FileSet,
    /// Secondary artifacts with their identifiers.
    pub secondary: Vec<(String, FileSet)>,
}

/// Files of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileSet {
    /// Globs relative to `base_directory`, expanded by the shell first.
    pub files: Vec<String>,
    /// The artifact's name, expanded by the shell.
    pub name: Option<String>,
    /// Whether paths are flattened.
    pub discard_paths: bool,
    /// Relative to the source directory; may hold wildcards.
    pub base_directory: Option<String>,
    /// Globs relative to `base_directory`.
    pub exclude_paths: Vec<String>,
    /// Whether symbolic links stay links.
    pub enable_symlinks: bool,
    /// A prefix for the object's key in S3.
    pub s3_prefix: Option<String>,
}

/// The `cache` block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cache {
    /// What restores: `restore`; what saves: `save`; both without.
    pub action: CacheAction,
    /// The key, expanded by the shell.
    pub key: Option<String>,
    /// Prefixes of other keys that will do.
    pub fallback_keys: Vec<String>,
    /// Globs, relative to the source directory or absolute.
    pub paths: Vec<String>,
}

/// What a build does with its cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CacheAction {
    /// Restores before the build and saves after it.
    #[default]
    Both,
    /// Restores only.
    Restore,
    /// Saves only.
    Save,
}

/// The `batch` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Whether the first failure stops the builds that still run.
    pub fast_fail: bool,
    /// Which builds there are.
    pub builds: BatchBuilds,
}

/// How a batch describes its builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchBuilds {
    /// All in parallel.
    List(Vec<BatchedBuild>),
    /// Each after those that it depends on.
    Graph(Vec<BatchedBuild>),
    /// One build for each combination of settings, all in parallel.
    Matrix(Vec<BatchedBuild>),
    /// One build for each share of the tests.
    Fanout,
}

/// One build of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BatchedBuild {
    /// Its name in the batch.
    pub identifier: String,
    /// Another buildspec's path, relative to the source directory, or its text.
    pub buildspec: Option<String>,
    /// Builds that must have completed before.
    pub depend_on: Vec<String>,
    /// Whether the batch succeeds although this build fails.
    pub ignore_failure: bool,
    /// Environment variables of this build.
    pub variables: Vec<(String, String)>,
    /// The image that it asks for.
    pub image: Option<String>,
}

impl Buildspec {
    /// The buildspec of a list of plain commands, as CodePipeline's Commands action has it: the first that fails ends
    /// it, `output_variables` are exported and `files` make up the artifact.
    pub fn from_commands(commands: Vec<String>, output_variables: Vec<String>, files: Vec<String>) -> Self {
        let primary = FileSet { files, ..FileSet::default() };
        Self {
            env: Env { exported_variables: output_variables, ..Env::default() },
            phases: vec![Phase::of(PhaseName::Build, commands)],
            artifacts: (!primary.files.is_empty()).then(|| Artifacts { primary, secondary: Vec::new() }),
            ..Self::default()
        }
    }

    /// The phase called `name`, if the file has it.
    pub fn phase(&self, name: PhaseName) -> Option<&Phase> {
        self.phases.iter().find(|phase| phase.name == name)
    }
}
