//! The `git` program, kept apart from the user's own configuration and hooks.

use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::exit::{Exit, Failure};

/// What would make git look elsewhere than in the demo's folder.
const FOREIGN: [&str; 7] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
];

/// Runs git in `folder` and returns what it printed.
pub(super) fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .args(["-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "-c", "core.autocrlf=false"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0");
    for name in FOREIGN {
        command.env_remove(name);
    }
    let output = command.output().map_err(|error| {
        Failure::new(Exit::Failed, format!("cannot run git ({error}); the demo needs it: install git"))
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Failure::new(Exit::Failed, format!("`git {}` fails: {said}", arguments.join(" "))).into());
    }
    let text = String::from_utf8(output.stdout).context("git printed no UTF-8")?;
    Ok(text.trim_end().to_owned())
}
