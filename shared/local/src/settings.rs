//! How a machine is set up.

use std::path::PathBuf;

use penstock_archive::Limits;

use crate::notices::Console;

/// How a machine is set up. Start from [`Settings::new`].
#[derive(Clone)]
pub struct Settings {
    /// The state folder, as a rule `.penstock`; made if it is missing.
    pub dir: PathBuf,
    /// Where this machine's files and secrets are looked for behind `dir`.
    pub further_files: Vec<PathBuf>,
    /// The git repository that a source without a repository means.
    pub repository: Option<PathBuf>,
    /// Whether such a source takes uncommitted files too.
    pub dirty: bool,
    /// Whether a server shows what is published under `/sites/`.
    pub serves_sites: bool,
    /// The address under which people reach this machine; see [`Machine::set_base_url`](crate::machine::Machine::set_base_url).
    pub base_url: String,
    /// What shows notices on the console.
    pub console: Option<Console>,
    /// Where notices are posted as JSON.
    pub notification_webhook: Option<String>,
    /// How many builds run at a time; others wait.
    pub parallel_builds: usize,
    /// How much an artifact may hold.
    pub limits: Limits,
}

impl Settings {
    /// A machine with its state in `dir` and nothing else set.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            further_files: vec![],
            repository: None,
            dirty: false,
            serves_sites: true,
            base_url: "http://127.0.0.1:7878".into(),
            console: None,
            notification_webhook: None,
            parallel_builds: 16,
            limits: Limits::default(),
        }
    }
}
