//! `projects.yml`: what a CodeBuild project says here. A project that stands in no file runs the source's `buildspec.yml`.
//!
//! ```yaml
//! projects:
//!   web-build:
//!     buildspec: ci/buildspec.yml        # a path in the source; default: buildspec.yml
//!     environment: {NODE_ENV: test}      # wins over the buildspec, gives way to the action
//!     timeoutInMinutes: 30               # default: 60
//!     image: aws/codebuild/standard:7.0  # only told to the build; commands run on this machine
//! ```

use std::time::Duration;

use crate::machine_files::{FileError, Found, MachineFiles};
use penstock_model::document::Node;

/// The file's name.
pub const FILE: &str = "projects.yml";

/// How long a build may take unless its project says otherwise (AWS CodeBuild user guide, quotas).
const TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// A CodeBuild project of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The buildspec's path in the source, or its text.
    pub buildspec: Option<String>,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// How long a build may take.
    pub timeout: Duration,
    /// The image that the project asks for.
    pub image: Option<String>,
}

impl Default for Project {
    fn default() -> Self {
        Self { buildspec: None, environment: vec![], timeout: TIMEOUT, image: None }
    }
}

/// Reads the project `name` from the machine's files; the default one if it stands in none.
///
/// # Errors
/// [`FileError`] with the place of the mistake.
pub fn find(files: &MachineFiles, name: &str) -> Result<Project, FileError> {
    let Some(found) = files.find(FILE)? else { return Ok(Project::default()) };
    match found.root.get("projects").and_then(|projects| projects.get(name)) {
        Some(node) => read(&found, node),
        None => Ok(Project::default()),
    }
}

fn read(found: &Found, node: &Node) -> Result<Project, FileError> {
    let mut project = Project::default();
    for (key, value) in found.entries(node)? {
        match key {
            "buildspec" => project.buildspec = Some(found.text(value)?.to_owned()),
            "environment" => project.environment = found.texts(value)?,
            "image" => project.image = Some(found.text(value)?.to_owned()),
            "timeoutInMinutes" => {
                let minutes = value
                    .integer()
                    .and_then(|minutes| u64::try_from(minutes).ok())
                    .filter(|minutes| (1..=2160).contains(minutes));
                let minutes = minutes
                    .ok_or_else(|| found.invalid(value, "write a whole number of minutes from 1 to 2160"))?;
                project.timeout = Duration::from_secs(60 * minutes);
            }
            other => {
                return Err(found.unknown(value, other, "buildspec, environment, timeoutInMinutes, image"));
            }
        }
    }
    Ok(project)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_read_and_others_have_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let text = "projects:\n  web: {buildspec: ci/b.yml, environment: {A: no}, timeoutInMinutes: 5}\n";
        std::fs::write(dir.path().join(FILE), text).unwrap();
        let files = MachineFiles::new(dir.path(), None);
        let web = find(&files, "web").unwrap();
        assert_eq!((web.buildspec.as_deref(), web.timeout), (Some("ci/b.yml"), Duration::from_secs(300)));
        assert_eq!(web.environment, [("A".to_owned(), "no".to_owned())]);
        assert_eq!(find(&files, "other").unwrap(), Project::default());
    }
}
