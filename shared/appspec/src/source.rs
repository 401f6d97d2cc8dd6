//! What the `files` of an appspec select from a revision.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::appspec::FileRule;
use crate::beneath::is_absence;
use crate::install::InstallError;
use crate::path::RelativePath;

/// Something of the revision and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Where it lies.
    pub(crate) source: PathBuf,
    /// Where it goes, beneath the instance's folder.
    pub(crate) destination: RelativePath,
    /// What it is.
    pub(crate) kind: ItemKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ItemKind {
    /// A folder; its contents are items of their own.
    Directory,
    /// A regular file.
    File,
    /// A link to a file, or to nothing: it is made again with the same target.
    Link(PathBuf),
}

/// Everything that `rule` selects, folders before their contents.
///
/// A folder's contents go into the destination; a file goes into the destination under its own name.
pub(crate) fn items(revision: &Path, rule: &FileRule) -> Result<Vec<Item>, InstallError> {
    at_most(MAX_ITEMS, revision, rule)
}

fn at_most(most: usize, revision: &Path, rule: &FileRule) -> Result<Vec<Item>, InstallError> {
    let top = revision.canonicalize().map_err(|error| InstallError::io("read", revision, error))?;
    let source = top.join(rule.source.as_path());
    let mut walk = Walk { top, most, items: vec![], above: vec![] };
    let status = fs::symlink_metadata(&source).map_err(|error| {
        if is_absence(&error) {
            return InstallError::SourceMissing(rule.source.clone());
        }
        InstallError::io("read", &source, error)
    })?;
    let destination = match rule.source.name() {
        Some(name) if !source.is_dir() => rule.destination.child(name),
        _ => rule.destination.clone(),
    };
    walk.within(&source)?;
    walk.add(source, destination, &status)?;
    Ok(walk.items)
}

/// The most items that a revision may install; links to folders are followed, so a few of them can name very many.
const MAX_ITEMS: usize = 500_000;

struct Walk {
    top: PathBuf,
    most: usize,
    items: Vec<Item>,
    /// The folders being read, canonical, to notice links that lead back.
    above: Vec<PathBuf>,
}

impl Walk {
    fn add(
        &mut self,
        source: PathBuf,
        destination: RelativePath,
        status: &fs::Metadata,
    ) -> Result<(), InstallError> {
        if self.items.len() >= self.most {
            return Err(InstallError::TooManyItems(self.most));
        }
        // A link to a folder is followed, as the agent does.
        if source.is_dir() {
            self.items.push(Item {
                source: source.clone(),
                destination: destination.clone(),
                kind: ItemKind::Directory,
            });
            return self.contents(&source, &destination);
        }
        let kind = if status.is_symlink() {
            ItemKind::Link(fs::read_link(&source).map_err(|error| InstallError::io("read", &source, error))?)
        } else if status.is_file() {
            ItemKind::File
        } else {
            return Err(InstallError::SourceSpecial(source));
        };
        self.items.push(Item { source, destination, kind });
        Ok(())
    }

    fn contents(&mut self, source: &Path, destination: &RelativePath) -> Result<(), InstallError> {
        let fail = |error| InstallError::io("read", source, error);
        let canonical = source.canonicalize().map_err(fail)?;
        if !canonical.starts_with(&self.top) {
            return Err(InstallError::SourceLeaves(source.to_owned()));
        }
        if self.above.contains(&canonical) {
            return Err(InstallError::SourceCycle(source.to_owned()));
        }
        self.above.push(canonical);
        let mut entries =
            fs::read_dir(source).map_err(fail)?.collect::<io::Result<Vec<_>>>().map_err(fail)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let status = fs::symlink_metadata(entry.path()).map_err(fail)?;
            self.add(entry.path(), destination.child(&entry.file_name()), &status)?;
        }
        self.above.pop();
        Ok(())
    }

    /// Refuses a source that lies behind a link out of the revision.
    fn within(&self, source: &Path) -> Result<(), InstallError> {
        let folder = if source == self.top { source } else { source.parent().unwrap_or(source) };
        let canonical = folder.canonicalize().map_err(|error| InstallError::io("read", folder, error))?;
        if canonical.starts_with(&self.top) {
            Ok(())
        } else {
            Err(InstallError::SourceLeaves(source.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn rule(source: &str) -> FileRule {
        FileRule { source: RelativePath::new(source).unwrap(), destination: RelativePath::new("/d").unwrap() }
    }

    fn destinations(revision: &Path, source: &str) -> Vec<String> {
        items(revision, &rule(source)).unwrap().iter().map(|item| item.destination.to_string()).collect()
    }

    #[test]
    fn folders_give_their_contents_and_files_themselves() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("web/empty")).unwrap();
        fs::write(dir.path().join("web/.hidden"), "").unwrap();
        assert_eq!(destinations(dir.path(), "web"), ["/d", "/d/.hidden", "/d/empty"]);
        assert_eq!(destinations(dir.path(), "web/.hidden"), ["/d/.hidden"]);
        assert!(matches!(items(dir.path(), &rule("none")), Err(InstallError::SourceMissing(_))));
    }

    #[test]
    fn links_to_files_are_made_again_and_to_folders_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("real")).unwrap();
        fs::write(dir.path().join("real/f"), "").unwrap();
        symlink("real", dir.path().join("folder")).unwrap();
        symlink("nowhere", dir.path().join("dead")).unwrap();
        assert_eq!(destinations(dir.path(), "folder"), ["/d", "/d/f"]);
        let dead = items(dir.path(), &rule("dead")).unwrap();
        assert_eq!(dead[0].kind, ItemKind::Link("nowhere".into()));
    }

    #[test]
    fn links_that_leave_or_lead_back_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let revision = dir.path().join("revision");
        fs::create_dir_all(revision.join("a")).unwrap();
        fs::create_dir_all(dir.path().join("outside")).unwrap();
        fs::write(dir.path().join("outside/f"), "").unwrap();
        symlink("../outside", revision.join("out")).unwrap();
        assert!(matches!(items(&revision, &rule("/")), Err(InstallError::SourceLeaves(_))));
        assert!(matches!(items(&revision, &rule("out/f")), Err(InstallError::SourceLeaves(_))));
        fs::remove_file(revision.join("out")).unwrap();
        symlink("..", revision.join("a/back")).unwrap();
        assert!(matches!(items(&revision, &rule("/")), Err(InstallError::SourceCycle(_))));
    }

    #[test]
    fn links_that_double_at_each_level_are_refused() {
        let revision = tempfile::tempdir().unwrap();
        for level in 0..20 {
            let folder = revision.path().join(format!("l{level}"));
            fs::create_dir(&folder).unwrap();
            symlink(format!("../l{}", level + 1), folder.join("a")).unwrap();
            symlink(format!("../l{}", level + 1), folder.join("b")).unwrap();
        }
        fs::create_dir(revision.path().join("l20")).unwrap();
        let found = at_most(1000, revision.path(), &rule("/l0"));
        assert!(matches!(found, Err(InstallError::TooManyItems(_))), "{:?}", found.map(|items| items.len()));
    }
}
