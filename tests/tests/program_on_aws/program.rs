//! Runs the program.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::account::ACCOUNT;

/// The program with the feature.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_penstock-aws");

/// A command in the account.
pub(crate) struct Penstock {
    command: Command,
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {}\n{}{}", self.code, self.out, self.err)
    }
}

/// `penstock ARGUMENTS` with the account's credentials.
pub(crate) fn penstock(arguments: &[&str]) -> Penstock {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_clear().envs(ACCOUNT.emulator.environment()).stdin(Stdio::null());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("USER", "jo");
    Penstock { command }
}

impl Penstock {
    /// With another environment variable.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// In this folder.
    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(mut self) -> Ended {
        let output = self.command.output().unwrap();
        Ended {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs it; its standard output if it ends with `code`.
    pub(crate) fn ends_with(self, code: i32) -> String {
        let ended = self.run();
        assert_eq!(ended.code, code, "{ended}");
        format!("{}{}", ended.out, ended.err)
    }

    /// The command itself, to be started.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }
}

/// A file in a folder of its own.
pub(crate) fn file(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}
