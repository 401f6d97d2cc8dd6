//! Collects an artifact's files and writes them into a zip.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use penstock_archive::{ArchiveError, Writer};

use crate::files::{Found, Search, folders, matcher};

/// What to collect; all texts are expanded by now.
#[derive(Debug, Clone)]
pub(crate) struct Collection {
    /// The source directory.
    pub(crate) root: PathBuf,
    /// A folder or a pattern for folders, relative to `root`.
    pub(crate) base: String,
    pub(crate) files: Vec<String>,
    pub(crate) exclude: Vec<String>,
    pub(crate) discard_paths: bool,
    pub(crate) links: bool,
}

/// Files by their names, and what the log says about how they were found.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) files: BTreeMap<String, Found>,
    pub(crate) lines: Vec<String>,
}

/// Why there is no artifact, as CodeBuild says it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectError {
    #[error(
        "no matching base directory path found for {0}; change `base-directory` of `artifacts`, or have the build make it"
    )]
    NoBase(String),
    #[error("no matching artifact paths found; change `files` of `artifacts`, or have the build write them")]
    NoFiles,
    #[error("{0}")]
    Pattern(String),
}

impl Collection {
    /// Finds the files.
    pub(crate) fn collect(&self) -> Result<Collected, (CollectError, Vec<String>)> {
        let mut collected = Collected::default();
        match self.fill(&mut collected) {
            Ok(()) if collected.files.is_empty() => Err((CollectError::NoFiles, collected.lines)),
            Ok(()) => {
                collected.lines.push(format!("Found {} file(s)", collected.files.len()));
                Ok(collected)
            }
            Err(error) => Err((error, collected.lines)),
        }
    }

    fn fill(&self, collected: &mut Collected) -> Result<(), CollectError> {
        collected.lines.push(format!("Expanding base directory path: {}", self.base));
        let bases = folders(&self.root, &self.base).map_err(CollectError::Pattern)?;
        if bases.is_empty() {
            return Err(CollectError::NoBase(self.base.clone()));
        }
        let exclude: Result<Vec<_>, _> = self.exclude.iter().map(|pattern| matcher(pattern)).collect();
        let exclude = exclude.map_err(CollectError::Pattern)?;
        for base in &bases {
            collected.lines.push(format!("Expanding file paths for base directory {}", self.base));
            collected.lines.push("Assembling file list".into());
            let search = Search { base, root: &self.root, links: self.links };
            for pattern in &self.files {
                collected.lines.push(format!("Expanding {pattern}"));
                let found = search.find(pattern).map_err(CollectError::Pattern)?;
                if found.missing {
                    collected.lines.push(skipped(base, pattern));
                }
                let kept =
                    found.files.into_iter().filter(|(name, _)| !exclude.iter().any(|out| out.is_match(name)));
                kept.for_each(|(name, found)| self.add(name, found, collected));
            }
        }
        Ok(())
    }

    fn add(&self, name: String, found: Found, collected: &mut Collected) {
        let name =
            if self.discard_paths { name.rsplit('/').next().unwrap_or_default().to_owned() } else { name };
        match collected.files.get(&name) {
            None => drop(collected.files.insert(name, found)),
            Some(first) if *first == found => {}
            Some(first) => {
                let (first, second) = (first.path.display(), found.path.display());
                collected
                    .lines
                    .push(format!("{second} is left out, because {first} has the same name {name}"));
            }
        }
    }
}

fn skipped(base: &Path, pattern: &str) -> String {
    if base.join(pattern).is_dir() {
        let pattern = pattern.trim_end_matches('/');
        return format!(
            "Skipping invalid file path {pattern} (a folder: write {pattern}/**/* for everything in it)"
        );
    }
    format!("Skipping invalid file path {pattern}")
}

/// Writes the zip at `path`: Unix modes and links kept, times fixed. A file that vanished meanwhile is an error.
pub(crate) fn write(path: &Path, files: &BTreeMap<String, Found>) -> Result<(), ArchiveError> {
    let mut writer = Writer::create(path)?;
    for (name, found) in files {
        let failed = |source| ArchiveError::Io { what: format!("reading {}", found.path.display()), source };
        if found.link {
            let target = fs::read_link(&found.path).map_err(failed)?;
            writer.link(name, &target.to_string_lossy())?;
        } else {
            let file = File::open(&found.path).map_err(failed)?;
            let metadata = file.metadata().map_err(failed)?;
            writer.file(name, metadata.permissions().mode(), metadata.len(), file)?;
        }
    }
    writer.finish().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collection(root: &Path, files: &[&str]) -> Collection {
        let files = files.iter().map(|file| (*file).to_owned()).collect();
        let base = ".".to_owned();
        Collection { root: root.into(), base, files, exclude: Vec::new(), discard_paths: false, links: false }
    }

    fn names(collected: &Collected) -> Vec<&str> {
        collected.files.keys().map(String::as_str).collect()
    }

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a/same", "b/same", "b/.hidden", "b/.dir/x", "top"] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        folder
    }

    #[test]
    fn dot_files_are_excluded_as_the_reference_shows() {
        let folder = tree();
        let mut all = collection(folder.path(), &["**/*"]);
        assert_eq!(names(&all.collect().unwrap()), ["a/same", "b/.dir/x", "b/.hidden", "b/same", "top"]);
        all.exclude = vec!["**/.*".into(), "**/.*/**/*".into()];
        assert_eq!(names(&all.collect().unwrap()), ["a/same", "b/same", "top"]);
    }

    #[test]
    fn flattening_keeps_the_first_of_a_name() {
        let folder = tree();
        let mut flat = collection(folder.path(), &["*/same", "top", "missing", "a"]);
        flat.discard_paths = true;
        let collected = flat.collect().unwrap();
        assert_eq!(names(&collected), ["same", "top"]);
        assert!(collected.files["same"].path.ends_with("a/same"));
        let lines = collected.lines.join("\n");
        for part in ["same name same", "invalid file path missing", "write a/**/*", "Found 2 file(s)"] {
            assert!(lines.contains(part), "{lines}");
        }
    }

    #[test]
    fn matched_base_directories_are_stripped() {
        let folder = tree();
        let mut based = collection(folder.path(), &["same"]);
        based.base = "[ab]".into();
        assert_eq!(names(&based.collect().unwrap()), ["same"]);
        based.base = "nowhere".into();
        let error = based.collect().unwrap_err().0.to_string();
        assert!(error.starts_with("no matching base directory path found for nowhere; "), "{error}");
        let none = collection(folder.path(), &["nothing*"]);
        let error = none.collect().unwrap_err().0.to_string();
        assert!(error.starts_with("no matching artifact paths found; change `files`"), "{error}");
    }

    #[test]
    fn zips_are_the_same_every_time_and_links_stay_inside() {
        let folder = tree();
        std::os::unix::fs::symlink("same", folder.path().join("a/link")).unwrap();
        let mut linked = collection(folder.path(), &["a/*"]);
        linked.links = true;
        let out = tempfile::tempdir().unwrap();
        let zip = |name: &str| {
            write(&out.path().join(name), &linked.collect().unwrap().files).unwrap();
            fs::read(out.path().join(name)).unwrap()
        };
        assert_eq!(zip("one.zip"), zip("two.zip"));
        std::os::unix::fs::symlink("../../etc/passwd", folder.path().join("a/out")).unwrap();
        let refused = write(&out.path().join("three.zip"), &linked.collect().unwrap().files).unwrap_err();
        assert!(matches!(refused, ArchiveError::Refused { .. }), "{refused}");
    }
}
