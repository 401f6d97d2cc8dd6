//! Environments of pinned Python programs: the clients, emulators and tools that tests run.
//!
//! Each set of requirements has an environment of its own, made once and used again while its pins and the Python
//! version stay the same. They lie in the folder that `PENSTOCK_PYTHON_ENV` names, else in the target folder's `tmp`. Making
//! one needs Python 3.11 or newer with venv, and the network.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest, Sha256};

/// The oldest Python that all pinned programs take.
const OLDEST: (u32, u32) = (3, 11);

/// A set of programs that can be installed side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirements {
    /// boto3 and the AWS command line.
    Clients,
    /// `MiniStack` and moto.
    Emulators,
    /// `sam`, `cargo-lambda` and `cfn-lint`.
    Sam,
    /// `checkov`.
    Checkov,
}

impl Requirements {
    fn name(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::Emulators => "emulators",
            Self::Sam => "sam",
            Self::Checkov => "checkov",
        }
    }

    fn file(self) -> PathBuf {
        let file = match self {
            Self::Clients => "requirements.txt".to_owned(),
            Self::Emulators | Self::Sam | Self::Checkov => format!("{}-requirements.txt", self.name()),
        };
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python").join(file)
    }
}

/// An environment in which a set of requirements is installed.
#[derive(Debug, Clone)]
pub struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// The environment with `requirements`; made if it is not there yet, by one process at a time.
    ///
    /// # Panics
    /// If it cannot be made; the message says what is missing.
    pub fn of(requirements: Requirements) -> Self {
        let file = requirements.file();
        let pins = fs::read(&file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
        let version = version(&mut Command::new("python3")).unwrap_or_else(|why| panic!("{why}"));
        let digest = hex::encode(Sha256::new().chain_update(version).chain_update(pins).finalize());
        let folder = parent().join(format!("{}-{}", requirements.name(), &digest[..12]));
        let environment = Self { folder };
        environment.make_once(&file, &digest);
        environment
    }

    /// Its Python.
    pub fn python(&self) -> PathBuf {
        self.program("python")
    }

    /// One of its programs, such as `sam`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// The folder of its programs, for `PATH`: `sam build` looks for `cargo-lambda` there.
    pub fn programs(&self) -> PathBuf {
        self.folder.join("bin")
    }

    fn make_once(&self, requirements: &Path, digest: &str) {
        let stamp = self.folder.join("penstock-requirements.sha256");
        let is_made = || fs::read_to_string(&stamp).is_ok_and(|found| found == digest);
        if is_made() {
            return;
        }
        let lock = self.folder.with_extension("lock");
        fs::create_dir_all(parent()).expect("the folder of the Python environments can be made");
        let lock =
            File::create(&lock).unwrap_or_else(|error| panic!("cannot write {}: {error}", lock.display()));
        lock.lock().expect("the lock of the Python environment can be taken");
        if !is_made() {
            self.install(requirements);
            fs::write(&stamp, digest).expect("the Python environment can be stamped");
        }
    }

    fn install(&self, requirements: &Path) {
        let made = run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&self.folder));
        assert!(
            made.status.success(),
            "python3 cannot make an environment; install its venv module (python3-venv on Debian):\n{}",
            said(&made)
        );
        let pip = "-m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: --requirement";
        let installed = run(Command::new(self.python()).args(pip.split(' ')).arg(requirements));
        assert!(
            installed.status.success(),
            "the pinned programs of {} cannot be installed; is the package index reachable?\n{}",
            requirements.display(),
            said(&installed)
        );
    }
}

/// What `python3` says of its version, to which an environment belongs; or why it is not enough.
fn version(python: &mut Command) -> Result<Vec<u8>, String> {
    const NEEDED: &str =
        "install Python 3.11 or newer with venv: tests of clients, emulators and tools need it";
    let asked = python.arg("--version").output();
    let said = asked.map_err(|error| format!("python3 cannot be run ({error}); {NEEDED}"))?.stdout;
    let text = String::from_utf8_lossy(&said);
    let mut numbers = text.trim().trim_start_matches("Python ").split('.').map(|number| number.parse().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) >= OLDEST => Ok(said),
        _ => Err(format!("python3 is `{}`; {NEEDED}, as the first python3 of PATH", text.trim())),
    }
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Where the environments lie.
fn parent() -> PathBuf {
    std::env::var_os("PENSTOCK_PYTHON_ENV").map_or_else(|| target().join("tmp/python"), PathBuf::from)
}

/// The target folder, which Cargo marks as a cache: the test that runs lies in it.
fn target() -> PathBuf {
    let test = std::env::current_exe().expect("the path of the test");
    let marked = test.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    marked.map_or_else(std::env::temp_dir, Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a `python3` that says `version` comes to, if there is one.
    fn found(said: Option<&str>) -> Result<Vec<u8>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        if let Some(said) = said {
            // Written by another process: what this one has open for writing, a child of another test cannot run.
            let write = r#"printf '#!/bin/sh\necho "%s"\n' "$1" > "$0" && chmod +x "$0""#;
            let program = folder.path().join("python3");
            let written = Command::new("sh").args(["-c", write]).arg(program).arg(said).status();
            assert!(written.expect("a shell").success());
        }
        version(Command::new("python3").env("PATH", folder.path()))
    }

    #[test]
    fn without_python_the_message_says_what_to_install() {
        let why = found(None).expect_err("nothing is there");
        assert!(why.starts_with("python3 cannot be run ("), "{why}");
        assert!(why.contains("install Python 3.11 or newer with venv"), "{why}");
    }

    #[test]
    fn an_old_python_is_told_so() {
        for old in ["Python 3.10.14", "Python 2.7.18", ""] {
            let why = found(Some(old)).expect_err(old);
            assert!(why.contains(&format!("python3 is `{old}`; install Python 3.11 or newer")), "{why}");
        }
    }

    #[test]
    fn a_newer_python_will_do() {
        for new in ["Python 3.11.0", "Python 3.13.0rc1", "Python 4.0.1"] {
            assert_eq!(found(Some(new)), Ok(format!("{new}\n").into_bytes()));
        }
    }
}
