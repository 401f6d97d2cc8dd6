//! Finds and reads the appspec of an unpacked revision.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use penstock_model::diagnostic::Diagnostic;
use penstock_model::document::MAX_BYTES;
use thiserror::Error;

use crate::appspec::{AppSpec, Os, Server};
use crate::parse::parse;
use crate::path::RelativePath;

/// A revision that can be deployed to instances.
#[derive(Debug, Clone)]
pub(crate) struct Revision {
    /// The folder that holds the appspec and everything that it names.
    pub(crate) top: PathBuf,
    pub(crate) spec: Arc<Server>,
    pub(crate) warnings: Vec<Diagnostic>,
    /// The appspec's name.
    pub(crate) name: String,
}

/// Why a revision cannot be deployed to instances.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RevisionError {
    /// There is no appspec.
    #[error("the revision has no {0} at its top; add one, or check which files the artifact holds")]
    Missing(String),
    /// The appspec cannot be read.
    #[error("failed to read {0}: {1}")]
    Unreadable(String, String),
    /// The appspec has errors.
    #[error("{file} has errors: {}", .diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid {
        /// The appspec's name.
        file: String,
        /// Everything noticed.
        diagnostics: Vec<Diagnostic>,
    },
    /// The appspec is for another compute platform.
    #[error("{0} is for {1}, which is deployed on AWS only; instances need `os: linux`, `files` and `hooks`")]
    OtherPlatform(String, &'static str),
    /// The appspec is for Windows.
    #[error(
        "{0} says `os: windows`, and this machine runs linux; deploy it on a Windows server, or write `os: linux`"
    )]
    OtherSystem(String),
}

/// Reads the appspec of the revision unpacked in `directory`; `name` is its name if it has an unusual one.
pub(crate) fn read(directory: &Path, name: Option<&str>) -> Result<Revision, RevisionError> {
    let top = top(directory);
    let name = find(&top, name)?;
    // The revision is a stranger's: no more is read than the parser takes.
    let mut bytes = vec![];
    fs::File::open(top.join(&name))
        .and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| RevisionError::Unreadable(name.clone(), error.to_string()))?;
    if bytes.len() > MAX_BYTES {
        let message = format!("it has more than {MAX_BYTES} bytes; make it smaller");
        return Err(RevisionError::Unreadable(name, message));
    }
    let source = String::from_utf8(bytes)
        .map_err(|_| RevisionError::Unreadable(name.clone(), "it is not UTF-8; save it as such".into()))?;
    let parsed = parse(&source);
    match parsed.appspec {
        None => Err(RevisionError::Invalid { file: name, diagnostics: parsed.diagnostics }),
        Some(AppSpec::Lambda(_)) => Err(RevisionError::OtherPlatform(name, "a Lambda function")),
        Some(AppSpec::Ecs(_)) => Err(RevisionError::OtherPlatform(name, "an ECS service")),
        Some(AppSpec::Server(server)) if server.os == Os::Windows => Err(RevisionError::OtherSystem(name)),
        Some(AppSpec::Server(server)) => {
            Ok(Revision { top, spec: Arc::new(server), warnings: parsed.diagnostics, name })
        }
    }
}

/// A bundle of exactly one folder with an appspec in it means that folder (the agent does the same).
fn top(directory: &Path) -> PathBuf {
    let entries = |path: &Path| -> Vec<fs::DirEntry> {
        fs::read_dir(path).map(|entries| entries.filter_map(Result::ok).collect()).unwrap_or_default()
    };
    let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    if let [only] = entries(directory).as_slice()
        && is_folder(only)
    {
        let inner = entries(&only.path());
        if inner.iter().any(|entry| entry.file_name().to_string_lossy().to_lowercase().contains("appspec")) {
            return only.path();
        }
    }
    directory.to_owned()
}

fn find(top: &Path, name: Option<&str>) -> Result<String, RevisionError> {
    let candidates = [name.unwrap_or("appspec.yml"), "appspec.yaml", "appspec.yml"];
    let inside = |name: &str| RelativePath::new(name).map(|path| top.join(path.as_path()));
    let found = candidates.into_iter().find(|name| {
        let real = inside(name).ok().and_then(|path| path.canonicalize().ok());
        real.is_some_and(|path| path.is_file() && top.canonicalize().is_ok_and(|top| path.starts_with(top)))
    });
    found.map(Into::into).ok_or_else(|| RevisionError::Missing(candidates[0].into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_folder_of_a_bundle_is_stripped() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("web-1.0");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("appspec.yaml"), "version: 0.0\nos: linux\n").unwrap();
        assert_eq!(read(dir.path(), None).unwrap().top, inner);
        fs::write(dir.path().join("README"), "").unwrap();
        assert_eq!(read(dir.path(), None).unwrap_err(), RevisionError::Missing("appspec.yml".into()));
    }

    #[test]
    fn a_name_may_be_given_and_may_not_leave() {
        let dir = tempfile::tempdir().unwrap();
        let revision = dir.path().join("revision");
        fs::create_dir(&revision).unwrap();
        fs::write(revision.join("blue.yml"), "version: 0.0\nos: linux\n").unwrap();
        fs::write(dir.path().join("out.yml"), "version: 0.0\nos: linux\n").unwrap();
        assert_eq!(read(&revision, Some("blue.yml")).unwrap().name, "blue.yml");
        assert!(read(&revision, Some("../out.yml")).is_err());
    }

    #[test]
    fn what_does_not_run_here_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for (source, expected) in [
            ("version: 0.0\nos: windows\n", "os: windows"),
            ("version: 1\nos: linux\n", "version-unknown"),
            (
                "version: 0.0\nResources: [{f: {Type: AWS::Lambda::Function, Properties: {Name: f, Alias: a, \
                 CurrentVersion: 1, TargetVersion: 2}}}]\n",
                "a Lambda function",
            ),
        ] {
            fs::write(dir.path().join("appspec.yml"), source).unwrap();
            let message = read(dir.path(), None).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
