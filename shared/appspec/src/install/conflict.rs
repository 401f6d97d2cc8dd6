//! What will stand in an instance's folder once the previous revision's files are gone.

use std::collections::HashSet;
use std::io;

use crate::beneath::{Folder, Kind};
use crate::path::RelativePath;

/// The folder without what the manifest of the previous installation lists, though nothing is removed yet.
pub(super) struct AfterCleanup<'a> {
    folder: &'a Folder,
    doomed: HashSet<&'a RelativePath>,
}

impl<'a> AfterCleanup<'a> {
    pub(super) fn new(folder: &'a Folder, previous: &'a [RelativePath]) -> Self {
        Self { folder, doomed: previous.iter().collect() }
    }

    /// What will stand at `path`.
    pub(super) fn kind(&self, path: &RelativePath) -> io::Result<Option<Kind>> {
        Ok(match self.folder.kind(path)? {
            Some(Kind::Directory) if self.doomed.contains(path) && !self.keeps_something(path)? => None,
            Some(Kind::Directory) => Some(Kind::Directory),
            Some(_) if self.doomed.contains(path) => None,
            other => other,
        })
    }

    /// Whether a doomed folder holds what is not doomed; then it stays.
    fn keeps_something(&self, path: &RelativePath) -> io::Result<bool> {
        for name in self.folder.names(path)? {
            if self.kind(&path.child(&name))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
