//! The demo's project: a page, its tests, its pipeline, and a git history.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::git::git;
use crate::exit::Failure;

/// The pipeline, and the site on which its page appears.
pub(super) const NAME: &str = "millrace";

/// A commit of the history: its message and the files that it brings.
struct Chapter {
    message: &'static str,
    files: &'static [(&'static str, &'static str)],
}

/// The history, oldest first.
const HISTORY: [Chapter; 3] = [
    Chapter {
        message: "Draw the page",
        files: &[
            (".gitignore", include_str!("project/gitignore")),
            ("README.md", include_str!("project/README.md")),
            ("build.sh", include_str!("project/build.sh")),
            ("site/headline.txt", "The water is coming.\n"),
            ("site/index.html", include_str!("project/site/index.html")),
            ("site/style.css", include_str!("project/site/style.css")),
        ],
    },
    Chapter {
        message: "Test the page before it leaves",
        files: &[
            ("buildspec.yml", include_str!("project/buildspec.yml")),
            ("tests/page.sh", include_str!("project/tests/page.sh")),
            ("tests/links.sh", include_str!("project/tests/links.sh")),
            ("tests/weight.sh", include_str!("project/tests/weight.sh")),
        ],
    },
    Chapter {
        message: "Let the water run",
        files: &[
            ("appspec.yml", include_str!("project/appspec.yml")),
            ("penstock.yml", DEFINITION),
            ("penstock/deployment-groups.yml", include_str!("project/penstock/deployment-groups.yml")),
            ("scripts/close-gate.sh", include_str!("project/scripts/close-gate.sh")),
            ("scripts/open-gate.sh", include_str!("project/scripts/open-gate.sh")),
            ("scripts/validate.sh", include_str!("project/scripts/validate.sh")),
            ("site/headline.txt", include_str!("project/site/headline.txt")),
        ],
    },
];

/// The pipeline's definition.
pub(super) const DEFINITION: &str = include_str!("project/penstock.yml");

/// The folder of the demo, made if need be and empty, as an absolute path.
pub(super) fn folder(wanted: Option<&Path>) -> anyhow::Result<PathBuf> {
    let Some(folder) = wanted else {
        return Ok(tempfile::Builder::new().prefix("penstock-demo-").tempdir()?.keep());
    };
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    if entries.next().is_some() {
        let message = format!("{} is not empty; name an empty or a new folder with --dir", folder.display());
        return Err(Failure::misused(message).into());
    }
    Ok(fs::canonicalize(folder)?)
}

/// Writes the project with its history into `folder`.
pub(super) fn write(folder: &Path) -> anyhow::Result<()> {
    git(folder, &["init", "--quiet", "--template="])?;
    git(folder, &["symbolic-ref", "HEAD", "refs/heads/main"])?;
    // The commits that a person makes here later need a name too.
    git(folder, &["config", "user.name", "Penstock demo"])?;
    git(folder, &["config", "user.email", "demo@localhost"])?;
    git(folder, &["config", "commit.gpgSign", "false"])?;
    for chapter in &HISTORY {
        for (name, text) in chapter.files {
            write_file(&folder.join(name), text)?;
        }
        git(folder, &["add", "--all"])?;
        git(folder, &["commit", "--quiet", "--message", chapter.message])?;
    }
    Ok(())
}

fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    #[cfg(unix)]
    if path.extension().is_some_and(|extension| extension == "sh") {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use penstock_model::definition;

    use super::*;

    #[test]
    fn the_files_pass_the_check() {
        assert_eq!(definition::parse(DEFINITION).pipeline.unwrap().name.as_str(), NAME);
        let found = penstock_buildspec::parse(include_str!("project/buildspec.yml")).diagnostics;
        assert!(found.is_empty(), "{found:?}");
        let found = penstock_appspec::parse(include_str!("project/appspec.yml")).diagnostics;
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn the_project_is_a_clean_git_tree_with_a_history() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        assert_eq!(git(folder.path(), &["status", "--porcelain"]).unwrap(), "");
        assert_eq!(git(folder.path(), &["rev-list", "--count", "HEAD"]).unwrap(), "3");
    }

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let full = tempfile::tempdir().unwrap();
        fs::write(full.path().join("precious"), "").unwrap();
        assert!(folder(Some(full.path())).is_err());
        assert!(folder(Some(&full.path().join("new"))).unwrap().is_absolute());
    }
}
