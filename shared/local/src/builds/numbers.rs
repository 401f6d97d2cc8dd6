//! `CODEBUILD_BUILD_NUMBER`: counted from 1 for each project, kept in `<dir>/build-numbers.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts builds. Clones share it.
#[derive(Clone)]
pub struct BuildNumbers(Arc<Shared>);

struct Shared {
    path: PathBuf,
    numbers: Mutex<Numbers>,
    /// One at a time writes the file.
    writing: Mutex<()>,
}

#[derive(Default)]
struct Numbers {
    /// The latest number of each project.
    taken: BTreeMap<String, u64>,
    /// How many builds of each project are ready and may begin.
    ready: BTreeMap<String, u64>,
}

/// A build that has not begun: it takes no number from anybody, but it has a good guess at its own.
pub(super) struct Expected {
    numbers: BuildNumbers,
    project: String,
    /// The number that it will have if those that were ready before it begin before it.
    pub(super) number: u64,
}

impl BuildNumbers {
    /// The numbers in the state folder `dir`; a file that cannot be read counts from the beginning.
    pub fn open(dir: &Path) -> Self {
        let path = dir.join("build-numbers.json");
        let taken = std::fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let numbers = Mutex::new(Numbers { taken, ready: BTreeMap::new() });
        Self(Arc::new(Shared { path, numbers, writing: Mutex::default() }))
    }

    /// Guesses the number of a build of `project` that is being made ready.
    pub(super) fn expect(&self, project: &str) -> Expected {
        let mut numbers = self.lock();
        let ready = numbers.ready.entry(project.to_owned()).or_default();
        *ready += 1;
        let before = *ready;
        let number = numbers.taken.get(project).copied().unwrap_or(0) + before;
        Expected { numbers: self.clone(), project: project.to_owned(), number }
    }

    /// The next number of `project`. It is in the file before the build hears of it, so that a server that is killed gives
    /// none twice; the file is not synchronised, and if it cannot be written, that is only warned of.
    fn next(&self, project: &str) -> u64 {
        let number = {
            let mut numbers = self.lock();
            let number = numbers.taken.entry(project.to_owned()).or_default();
            *number += 1;
            *number
        };
        self.write();
        number
    }

    fn write(&self) {
        let _one = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = self.lock().taken.clone();
        let fresh = self.0.path.with_extension("new");
        let written = serde_json::to_vec(&taken).map_err(std::io::Error::other);
        let written = written
            .and_then(|text| std::fs::write(&fresh, text))
            .and_then(|()| std::fs::rename(&fresh, &self.0.path));
        if let Err(error) = written {
            tracing::warn!("{} could not be written: {error}", self.0.path.display());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Numbers> {
        self.0.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Expected {
    /// The build begins: its number.
    pub(super) fn take(self) -> u64 {
        self.numbers.next(&self.project)
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        if let Some(ready) = self.numbers.lock().ready.get_mut(&self.project) {
            *ready = ready.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let numbers = BuildNumbers::open(dir.path());
        let next = |project: &str| numbers.expect(project).take();
        assert_eq!((next("a"), next("a"), next("b")), (1, 2, 1));
        assert_eq!(BuildNumbers::open(dir.path()).expect("a").take(), 3);
    }

    #[test]
    fn a_build_that_never_begins_takes_no_number() {
        let dir = tempfile::tempdir().unwrap();
        let numbers = BuildNumbers::open(dir.path());
        let (first, second) = (numbers.expect("a"), numbers.expect("a"));
        assert_eq!((first.number, second.number), (1, 2));
        drop(first);
        assert_eq!(second.take(), 1, "the guess was wrong");
        let (third, fourth) = (numbers.expect("a"), numbers.expect("a"));
        assert_eq!((third.number, third.take(), fourth.number, fourth.take()), (2, 2, 3, 3));
    }
}
