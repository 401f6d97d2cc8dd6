//! Objects that are on the disk, or go there with the next commit, before anybody speaks of them.

use std::collections::HashSet;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{CARRIED, Objects};

/// So many of them are known to be durable; the others are made so again, which does no harm.
const KNOWN: usize = 4096;

/// The objects, and the folders of objects, that this process made durable, or gave to a database that makes them so with
/// its next commit. One for all stores of this process, which has its folder to itself.
static DURABLE: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);

impl Objects {
    /// Makes `file`, which lies in the store's folder, the object at `place`, durable no later than the next commit.
    pub(super) fn bring_in(&self, file: &Path, place: &Path, sha256: &str, size: u64) -> io::Result<()> {
        match &self.carrier {
            Some(database) if size <= CARRIED => {
                let content = fs::read(file)?;
                self.move_in(file, place)?;
                database.carry(sha256, content, place.to_owned()).map_err(io::Error::other)?;
            }
            Some(_) | None => self.move_in_durably(file, place)?,
        }
        know(place);
        Ok(())
    }

    /// The object at `place` was there already: whoever brought it in may not have come so far as to make it durable.
    pub(super) fn make_durable(&self, place: &Path, sha256: &str, size: u64) -> io::Result<()> {
        if is_known(place) {
            return Ok(());
        }
        match &self.carrier {
            Some(database) if size <= CARRIED => {
                database.carry(sha256, fs::read(place)?, place.to_owned()).map_err(io::Error::other)?;
            }
            Some(_) | None => {
                synchronise(place)?;
                self.synchronise_folders(place)?;
            }
        }
        know(place);
        Ok(())
    }

    /// Makes `file`, which lies in the store's folder, the object at `place`.
    pub(super) fn move_in(&self, file: &Path, place: &Path) -> io::Result<()> {
        fs::create_dir_all(place.parent().unwrap_or(&self.root))?;
        fs::set_permissions(file, Permissions::from_mode(0o444))?;
        fs::rename(file, place)
    }

    /// The same, on the disk when this returns.
    fn move_in_durably(&self, file: &Path, place: &Path) -> io::Result<()> {
        fs::set_permissions(file, Permissions::from_mode(0o444))?;
        synchronise(file)?;
        self.move_in(file, place)?;
        self.synchronise_folders(place)
    }

    /// The names of the object at `place` and of its folder. That one may be another's, who has just made it.
    fn synchronise_folders(&self, place: &Path) -> io::Result<()> {
        let folder = place.parent().unwrap_or(&self.root);
        synchronise(folder)?;
        if !is_known(folder) {
            synchronise(&self.root)?;
            know(folder);
        }
        Ok(())
    }
}

/// What was removed may come again.
pub(super) fn forget(place: &Path) {
    if let Some(known) = &mut *known() {
        known.remove(place);
    }
}

/// What the database holds need not be given to it again.
pub(super) fn know(place: &Path) {
    let mut known = known();
    let known = known.get_or_insert_default();
    if known.len() >= KNOWN {
        known.clear();
    }
    known.insert(place.to_owned());
}

fn is_known(place: &Path) -> bool {
    known().as_ref().is_some_and(|known| known.contains(place))
}

fn known() -> MutexGuard<'static, Option<HashSet<PathBuf>>> {
    DURABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until the file or the folder at `path` is on the disk.
pub(super) fn synchronise(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    SYNCHRONISED.with_borrow_mut(|paths| paths.push(path.to_owned()));
    File::open(path)?.sync_all()
}

#[cfg(test)]
thread_local! {
    /// What the test of this thread synchronised.
    pub(super) static SYNCHRONISED: std::cell::RefCell<Vec<PathBuf>> = const { std::cell::RefCell::new(vec![]) };
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use penstock_app::port::clean_up::Walks as _;
    use penstock_model::artifact::Artifact;
    use penstock_model::id::AttemptId;

    use super::super::digest;
    use super::*;
    use crate::database::Database;

    fn attempt(number: u32) -> AttemptId {
        format!("2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Source/Pull/{number}").parse().unwrap()
    }

    fn store(objects: &Objects, number: u32, content: &[u8]) -> Artifact {
        let name = "Out".parse().unwrap();
        let file = objects.incoming(&attempt(number), &name);
        fs::write(&file, content).unwrap();
        objects.store(&"web".parse().unwrap(), &attempt(number), &name, &file).unwrap()
    }

    /// As if another process had brought it in.
    fn forget_all(place: &Path) {
        forget(place);
        forget(place.parent().unwrap());
    }

    fn synchronised(during: impl FnOnce()) -> Vec<PathBuf> {
        SYNCHRONISED.take();
        during();
        SYNCHRONISED.take()
    }

    /// A server that was killed after it had moved the object in, and before it had synchronised anything.
    #[test]
    fn a_large_object_that_is_there_already_is_synchronised_once_before_it_is_spoken_of() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(folder.path()).unwrap();
        let content = vec![7; usize::try_from(CARRIED).unwrap() + 1];
        let place = {
            let elsewhere = folder.path().join("elsewhere");
            fs::write(&elsewhere, &content).unwrap();
            let place = objects.place(&digest(&elsewhere).unwrap().0);
            objects.move_in(&elsewhere, &place).unwrap();
            place
        };
        let names = [place.clone(), place.parent().unwrap().to_owned(), folder.path().to_owned()];
        assert_eq!(synchronised(|| drop(store(&objects, 1, &content))), names);
        assert_eq!(synchronised(|| drop(store(&objects, 2, &content))), [] as [PathBuf; 0]);
        forget_all(&place);
        assert_eq!(
            synchronised(|| drop(store(&objects, 1, &content))),
            names,
            "the attempt's own repetition"
        );
        forget_all(&place);
        let sha256 = store(&objects, 1, &content).sha256;
        forget_all(&place);
        let adopted =
            || objects.adopt(&"web".parse().unwrap(), &attempt(3), &"Out".parse().unwrap(), &sha256).unwrap();
        assert_eq!(synchronised(|| drop(adopted())), names, "another attempt's adoption");
    }

    /// Another attempt stored the same, and has not come so far as to give it to the database.
    #[tokio::test]
    async fn a_small_object_that_is_there_already_is_carried_by_the_next_commit() {
        let folder = tempfile::tempdir().unwrap();
        let database = Arc::new(Database::open(&folder.path().join("penstock.db"), None).unwrap());
        let objects = Objects::open(&folder.path().join("artifacts")).unwrap();
        let objects = objects.carried_by(Arc::clone(&database)).unwrap();
        let elsewhere = folder.path().join("artifacts/elsewhere");
        fs::write(&elsewhere, "zip").unwrap();
        let place = objects.place(&digest(&elsewhere).unwrap().0);
        objects.move_in(&elsewhere, &place).unwrap();
        let artifact = store(&objects, 1, b"zip");
        store(&objects, 2, b"zip");
        drop(database.latest().await);
        database.close().await;
        let reopened = Database::open(&folder.path().join("penstock.db"), None).unwrap();
        let carried = reopened.carried(|sha256| objects.place(sha256)).unwrap();
        let carried: Vec<_> = carried.iter().map(|it| (&it.sha256, &*it.content)).collect();
        assert_eq!(carried, [(&artifact.sha256, &b"zip"[..])], "once is enough");
    }
}
