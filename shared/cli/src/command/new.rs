//! `penstock new`: the first files of a pipeline.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use penstock_model::id::PipelineName;

use crate::exit::{Exit, Failure};
use crate::show::glyph::Look;
use crate::show::out;

/// The files, each with what it is for.
const FILES: [(&str, &str, &str); 3] = [
    ("penstock.yml", include_str!("new/penstock.yml"), "the pipeline: Source, Build, Approval, Deploy"),
    ("buildspec.yml", include_str!("new/buildspec.yml"), "how the Build action builds and tests"),
    ("appspec.yml", include_str!("new/appspec.yml"), "how the Deploy action deploys"),
];

/// The folder in which runs and servers keep their state.
const STATE: &str = ".penstock/";

/// Write a first penstock.yml, and buildspec.yml and appspec.yml if they are missing
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  penstock new && penstock check && penstock run --dirty

A run without --dirty carries the checked-out commit: git add and commit the new files first.")]
pub(crate) struct New {
    /// The pipeline's name; by default that of this folder
    name: Option<PipelineName>,
    /// The folder
    #[arg(long, default_value = ".")]
    dir: PathBuf,
}

impl New {
    /// Writes the files that are missing.
    pub(super) fn carry_out(self) -> anyhow::Result<Exit> {
        if !self.dir.is_dir() {
            let message = format!("there is no folder `{}`; create it first", self.dir.display());
            return Err(Failure::misused(message).into());
        }
        let definition = self.dir.join(FILES[0].0);
        if definition.exists() {
            let message = format!("{} is there already and stays as it is", definition.display());
            return Err(Failure::misused(message).into());
        }
        let name = match self.name {
            Some(name) => name.to_string(),
            None => named_after(&self.dir),
        };
        for (file, text, what) in FILES {
            let path = self.dir.join(file);
            let look = if write(&path, &text.replace("@NAME@", &name))? { Look::Good } else { Look::Idle };
            let note = if look == Look::Good { what } else { "is there already and stays as it is" };
            out::line(format!("{} {file:14} {note}", look.sign(None)))?;
        }
        if ignore_state(&self.dir)? {
            out::line(format!(
                "{} {:14} keeps {STATE} out of your commits",
                Look::Good.sign(None),
                ".gitignore"
            ))?;
        }
        out::line("Next: penstock check, then git add and commit and penstock run, or penstock run --dirty")?;
        Ok(Exit::Succeeded)
    }
}

/// Adds the state folder to the folder's `.gitignore` unless it is in there. Whether it was added.
fn ignore_state(folder: &Path) -> anyhow::Result<bool> {
    let path = folder.join(".gitignore");
    let mut text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let is_state = |line: &str| line.trim().trim_matches('/') == STATE.trim_matches('/');
    if text.lines().any(is_state) {
        return Ok(false);
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(STATE);
    text.push('\n');
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

/// Writes a file that is not there yet. Whether it was written.
fn write(path: &Path, text: &str) -> anyhow::Result<bool> {
    match fs::OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => {
            file.write_all(text.as_bytes())?;
            Ok(true)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
    }
}

/// The folder's name as far as a pipeline may be called that.
fn named_after(folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_default();
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || ".@-_".contains(*c)).take(100).collect();
    if name.is_empty() { "pipeline".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_files_pass_the_check() {
        let definition = FILES[0].1.replace("@NAME@", "web");
        assert!(penstock_model::definition::parse(&definition).pipeline.is_some());
        assert!(penstock_buildspec::parse(FILES[1].1).diagnostics.is_empty());
        assert!(penstock_appspec::parse(FILES[2].1).diagnostics.is_empty());
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("buildspec.yml"), "mine").unwrap();
        let new = || New { name: None, dir: folder.path().to_owned() };
        new().carry_out().unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("buildspec.yml")).unwrap(), "mine");
        assert!(new().carry_out().is_err());
    }

    #[test]
    fn the_state_is_ignored_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".gitignore");
        fs::write(&path, "target").unwrap();
        assert!(ignore_state(folder.path()).unwrap());
        assert!(!ignore_state(folder.path()).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "target\n.penstock/\n");
        fs::write(&path, "/.penstock\n").unwrap();
        assert!(!ignore_state(folder.path()).unwrap());
    }
}
