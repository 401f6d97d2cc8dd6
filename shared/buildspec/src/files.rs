//! Finds files by the patterns of artifacts, reports and caches.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use walkdir::{DirEntry, WalkDir};

/// A file that a pattern has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// It is a symbolic link that is to stay one.
    pub(crate) link: bool,
}

/// How to look for files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Search<'a> {
    /// What patterns are relative to.
    pub(crate) base: &'a Path,
    /// Links to folders outside of this are not followed.
    pub(crate) root: &'a Path,
    /// Symbolic links stay links.
    pub(crate) links: bool,
}

/// What one pattern has found: files by their name relative to the base, with `/` between components.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Matches {
    pub(crate) files: BTreeMap<String, Found>,
    /// The pattern names one file, and that does not exist (or is a folder).
    pub(crate) missing: bool,
}

/// Whether a pattern may match more than one path.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// `*` stays within one component, `**` does not; both match names that start with a dot.
pub(crate) fn matcher(pattern: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher())
        .map_err(|error| format!("`{pattern}` is not a pattern: {}", error.kind()))
}

impl Search<'_> {
    /// Finds what `pattern` matches.
    pub(crate) fn find(&self, pattern: &str) -> Result<Matches, String> {
        let pattern = pattern.trim_start_matches("./");
        if !is_pattern(pattern) {
            return Ok(self.literal(pattern));
        }
        let (prefix, _) = split(pattern);
        let start = self.base.join(&prefix);
        let matcher = matcher(pattern)?;
        let mut files = BTreeMap::new();
        let walk = WalkDir::new(&start).follow_links(!self.links).sort_by_file_name();
        // Folders that cannot be read and links in a circle are passed over, as a shell's patterns do.
        for entry in walk.into_iter().filter_entry(|entry| self.enters(entry)).filter_map(Result::ok) {
            let Ok(below) = entry.path().strip_prefix(&start) else {
                continue;
            };
            let name = joined(&prefix, below);
            let file = if self.links { !entry.file_type().is_dir() } else { entry.file_type().is_file() };
            if file && matcher.is_match(&name) {
                let link = entry.file_type().is_symlink();
                files.insert(inside(&name), Found { path: entry.into_path(), link });
            }
        }
        files.retain(|_, found| found.link || found.path.is_file());
        Ok(Matches { files, missing: false })
    }

    fn literal(&self, name: &str) -> Matches {
        let path = self.base.join(name);
        let link = self.links && path.is_symlink();
        if !link && !path.is_file() {
            return Matches { files: BTreeMap::new(), missing: true };
        }
        Matches { files: BTreeMap::from([(inside(name), Found { path, link })]), missing: false }
    }

    fn enters(&self, entry: &DirEntry) -> bool {
        if !entry.path_is_symlink() || !entry.file_type().is_dir() || entry.depth() == 0 {
            return true;
        }
        let real = |path: &Path| path.canonicalize().ok();
        matches!((real(entry.path()), real(self.root)), (Some(target), Some(root)) if target.starts_with(&root))
    }
}

/// The folders that `pattern` names or matches, relative to `root`; only whole components can be patterns.
pub(crate) fn folders(root: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
    if !is_pattern(pattern) {
        let folder = root.join(pattern);
        return Ok(if folder.is_dir() { vec![folder] } else { Vec::new() });
    }
    let (prefix, _) = split(pattern);
    let (start, matcher) = (root.join(&prefix), matcher(pattern)?);
    let depth = pattern.split('/').count() - prefix.split('/').filter(|part| !part.is_empty()).count();
    let depth = if pattern.contains("**") { usize::MAX } else { depth };
    let walk = WalkDir::new(&start).min_depth(1).max_depth(depth).sort_by_file_name();
    let folders = walk.into_iter().filter_map(Result::ok).filter(|entry| entry.path().is_dir());
    let matching = folders.filter(|entry| {
        entry.path().strip_prefix(&start).is_ok_and(|below| matcher.is_match(joined(&prefix, below)))
    });
    Ok(matching.map(DirEntry::into_path).collect())
}

/// The components before the first one that is a pattern, and the rest.
fn split(pattern: &str) -> (String, String) {
    let parts: Vec<&str> = pattern.split('/').collect();
    let fixed = parts.iter().position(|part| is_pattern(part)).unwrap_or(parts.len());
    let prefix = parts[..fixed].join("/");
    let prefix = if prefix.is_empty() && pattern.starts_with('/') { "/".into() } else { prefix };
    (prefix, parts[fixed..].join("/"))
}

fn joined(prefix: &str, below: &Path) -> String {
    let below = below.to_string_lossy();
    match prefix {
        "" => below.into_owned(),
        _ if prefix.ends_with('/') => format!("{prefix}{below}"),
        _ => format!("{prefix}/{below}"),
    }
}

/// A name that cannot leave the folder into which it is extracted.
fn inside(name: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for component in Path::new(name).components() {
        match component {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::ParentDir => drop(parts.pop()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    parts.join("/")
}

/// Copies everything beneath `from` to the same place beneath `to`; how many files and links that were.
pub(crate) fn copy_tree(from: &Path, to: &Path) -> io::Result<usize> {
    let mut count = 0;
    if !from.is_dir() {
        return Ok(count);
    }
    for entry in WalkDir::new(from).min_depth(1) {
        let entry = entry?;
        if !entry.file_type().is_dir() {
            let target = to.join(entry.path().strip_prefix(from).map_err(io::Error::other)?);
            let link = entry.file_type().is_symlink();
            copy(&Found { path: entry.into_path(), link }, &target)?;
            count += 1;
        }
    }
    Ok(count)
}

/// Copies a file with its mode, or a link as a link, over what may be there.
pub(crate) fn copy(found: &Found, target: &Path) -> io::Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    if found.link {
        match fs::remove_file(target) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        return std::os::unix::fs::symlink(fs::read_link(&found.path)?, target);
    }
    // A running program cannot be overwritten, its name can be given to another file.
    drop(fs::remove_file(target));
    fs::copy(&found.path, target).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        folder
    }

    fn names(base: &Path, pattern: &str) -> Vec<String> {
        let search = Search { base, root: base, links: false };
        search.find(pattern).unwrap().files.into_keys().collect()
    }

    #[test]
    fn patterns_of_the_reference() {
        let folder = tree(&["a.txt", ".env", "d/b.txt", "d/e/c.txt", "d/e/.git/x"]);
        let names = |pattern| names(folder.path(), pattern);
        assert_eq!(names("a.txt"), ["a.txt"]);
        assert_eq!(names("d/*"), ["d/b.txt"]);
        assert_eq!(names("d/**/*"), ["d/b.txt", "d/e/.git/x", "d/e/c.txt"]);
        assert_eq!(names("**/*"), [".env", "a.txt", "d/b.txt", "d/e/.git/x", "d/e/c.txt"]);
        assert_eq!(names("./**/*.txt"), ["a.txt", "d/b.txt", "d/e/c.txt"]);
        assert!(names("d").is_empty() && names("missing").is_empty());
    }

    #[test]
    fn names_never_leave_the_archive() {
        let folder = tree(&["x/a", "y/b"]);
        assert_eq!(names(&folder.path().join("x"), "../y/b"), ["y/b"]);
        let absolute = folder.path().join("y/*").to_string_lossy().into_owned();
        assert!(names(&folder.path().join("x"), &absolute)[0].ends_with("/y/b"));
    }

    #[test]
    fn links_are_followed_inside_only() {
        let (folder, other) = (tree(&["d/a"]), tree(&["secret"]));
        std::os::unix::fs::symlink("d", folder.path().join("in")).unwrap();
        std::os::unix::fs::symlink(other.path(), folder.path().join("out")).unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("d/loop")).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("dangling")).unwrap();
        assert_eq!(names(folder.path(), "**/*"), ["d/a", "in/a"]);
        let search = Search { base: folder.path(), root: folder.path(), links: true };
        let found = search.find("**/*").unwrap().files;
        let links: Vec<_> =
            found.iter().filter(|(_, found)| found.link).map(|(name, _)| name.as_str()).collect();
        assert_eq!((found.len(), links), (5, vec!["d/loop", "dangling", "in", "out"]));
    }

    #[test]
    fn base_directories_may_be_patterns() {
        let folder = tree(&["my-build1/a", "my-build2/b", "other/c"]);
        let found = folders(folder.path(), "my-build*").unwrap();
        assert_eq!(found, [folder.path().join("my-build1"), folder.path().join("my-build2")]);
        assert_eq!(folders(folder.path(), "other").unwrap(), [folder.path().join("other")]);
        assert!(folders(folder.path(), "missing").unwrap().is_empty());
    }
}
