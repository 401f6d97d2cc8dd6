//! `CODEBUILD_BUILD_NUMBER`: counted from 1 for each project, kept in `<dir>/build-numbers.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Counts builds.
pub struct BuildNumbers {
    path: PathBuf,
    numbers: Mutex<BTreeMap<String, u64>>,
}

impl BuildNumbers {
    /// The numbers in the state folder `dir`; a file that cannot be read counts from the beginning.
    pub fn open(dir: &Path) -> Self {
        let path = dir.join("build-numbers.json");
        let numbers = std::fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Self { path, numbers: Mutex::new(numbers) }
    }

    /// The next number of `project`. Only shown to builds: the file is not synchronised to the disk.
    pub fn next(&self, project: &str) -> u64 {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let number = numbers.entry(project.to_owned()).or_default();
        *number += 1;
        let number = *number;
        let fresh = self.path.with_extension("new");
        let written = serde_json::to_vec(&*numbers).map_err(std::io::Error::other);
        let written = written
            .and_then(|text| std::fs::write(&fresh, text))
            .and_then(|()| std::fs::rename(&fresh, &self.path));
        if let Err(error) = written {
            tracing::warn!("{} could not be written: {error}", self.path.display());
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let numbers = BuildNumbers::open(dir.path());
        assert_eq!((numbers.next("a"), numbers.next("a"), numbers.next("b")), (1, 2, 1));
        assert_eq!(BuildNumbers::open(dir.path()).next("a"), 3);
    }
}
