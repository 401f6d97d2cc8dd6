//! Where a function keeps temporary files. Lambda goes on with the same disk after it has killed a function, so that what
//! the dead one left would fill it: each process has a folder of its own and removes those of the dead.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use tempfile::{Builder, TempDir};

/// The file in a folder that its process keeps locked for as long as it lives.
const OWNER: &str = "owner";
/// The file that whoever makes or removes folders keeps locked meanwhile.
const TURN: &str = "turn";

/// A folder for the temporary files of this process. Keep it as long as they are needed.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    _owner: File,
}

impl Scratch {
    /// Makes it and lets all temporary files lie there.
    ///
    /// # Errors
    /// If the disk fails, or this was done before.
    pub fn of_this_process() -> io::Result<Self> {
        let scratch = Self::below(&std::env::temp_dir().join("penstock"))?;
        let set = tempfile::env::override_temp_dir(scratch.folder.path());
        set.map_err(|_| io::Error::other("temporary files have a place already"))?;
        Ok(scratch)
    }

    fn below(place: &Path) -> io::Result<Self> {
        fs::create_dir_all(place)?;
        let turn = File::create(place.join(TURN))?;
        turn.lock()?;
        remove_left(place);
        let folder = Builder::new().prefix("of-").tempdir_in(place)?;
        let owner = File::create(folder.path().join(OWNER))?;
        owner.lock()?;
        Ok(Self { folder, _owner: owner })
    }
}

/// Removes the folders of processes that have died. What cannot be removed is in nobody's way but the disk's.
fn remove_left(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let folder = entry.path();
        if folder.is_dir() && !is_owned(&folder) {
            match fs::remove_dir_all(&folder) {
                Ok(()) => tracing::warn!(folder = %folder.display(), "removed what a killed function left"),
                Err(error) => {
                    tracing::warn!(folder = %folder.display(), %error, "what a killed function left stays");
                }
            }
        }
    }
}

fn is_owned(folder: &Path) -> bool {
    let owner = File::open(folder.join(OWNER));
    owner.is_ok_and(|owner| matches!(owner.try_lock(), Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_dead_left_is_removed_and_what_the_living_need_is_not() {
        let place = tempfile::tempdir().unwrap();
        let living = Scratch::below(place.path()).unwrap();
        fs::write(living.folder.path().join("artifact.zip"), "needed").unwrap();
        for (left, owned) in [("of-killed", true), ("of-killed-at-once", false)] {
            fs::create_dir_all(place.path().join(left).join("files")).unwrap();
            fs::write(place.path().join(left).join("files/a"), "left").unwrap();
            if owned {
                File::create(place.path().join(left).join(OWNER)).unwrap();
            }
        }
        let next = Scratch::below(place.path()).unwrap();
        assert_eq!(fs::read_to_string(living.folder.path().join("artifact.zip")).unwrap(), "needed");
        let folders = fs::read_dir(place.path()).unwrap().filter(|it| it.as_ref().unwrap().path().is_dir());
        assert_eq!(folders.count(), 2, "one each");
        drop((living, next));
        let left = fs::read_dir(place.path()).unwrap().map(|it| it.unwrap().file_name()).collect::<Vec<_>>();
        assert_eq!(left, [TURN]);
    }
}
