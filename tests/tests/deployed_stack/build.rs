//! `sam build`, once for all runs of the tests while nothing changes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use penstock_testkit::python::{Environment, Requirements};

/// The project's root.
pub(crate) fn root() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).canonicalize().unwrap()
}

/// `sam`, which finds `cargo-lambda` beside it.
pub(crate) fn sam() -> Command {
    let environment = Environment::of(Requirements::Sam);
    let mut path = environment.programs().into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut command = Command::new(environment.program("sam"));
    command.current_dir(root()).env("PATH", path).env("SAM_CLI_TELEMETRY", "0");
    command
}

/// Builds the functions for this machine; the template with their places.
pub(crate) fn build() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("deployed-stack");
    std::fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let mut command = sam();
    command.arg("build").arg("--build-dir").arg(folder.join("build"));
    command.args(["--parameter-overrides", &architecture()]);
    // Optimised, nine functions take a quarter of an hour; what they do is the same.
    for (name, value) in [("LTO", "off"), ("OPT_LEVEL", "0"), ("CODEGEN_UNITS", "256")] {
        command.env(format!("CARGO_PROFILE_RELEASE_{name}"), value);
    }
    // The environment that Cargo gives a test is not that of a person who builds.
    for (name, _) in std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    }) {
        command.env_remove(name);
    }
    succeed(command.env("CARGO_TARGET_DIR", &folder));
    folder.join("build/template.yaml")
}

/// The parameter that says for which processors the functions are built: this machine's.
pub(crate) fn architecture() -> String {
    let name = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    format!("Architecture={name}")
}

/// Runs `command`, which has to succeed.
pub(crate) fn succeed(command: &mut Command) {
    let ended = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, log) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{:?} failed:\n{out}\n{log}", command.get_program());
}
