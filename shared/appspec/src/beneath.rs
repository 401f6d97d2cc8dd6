//! An instance's folder, in which no path leads out.
//!
//! Every path is walked name by name from an open folder with `O_NOFOLLOW`, so a symbolic link on the way, put there
//! before or meanwhile, is an error and is never followed. The last name is never followed either.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, renameat};
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, UtimensatFlags, fchmodat, fstatat, mkdirat, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchownat, symlinkat, unlinkat};

use crate::path::RelativePath;

const STEP: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link, and whether it leads nowhere.
    Link { dangling: bool },
    /// A device, a socket, a pipe.
    Other,
}

/// The folder, held open and locked: one installation at a time, whichever group's it is.
#[derive(Debug)]
pub(crate) struct Folder {
    top: OwnedFd,
    _lock: File,
}

impl Folder {
    /// Opens `path`, making it if it is missing, and waits for other installations into it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        let lock = File::open(path)?;
        lock.lock()?;
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self { top: open(path, flags, Mode::empty())?, _lock: lock })
    }

    fn directory(&self, path: &RelativePath) -> io::Result<OwnedFd> {
        let mut at = self.top.try_clone()?;
        for name in path.names() {
            at = openat(&at, name, STEP, Mode::empty())?;
        }
        Ok(at)
    }

    /// The folder that holds `path`, and its name there.
    fn parent<'p>(&self, path: &'p RelativePath) -> io::Result<(OwnedFd, &'p OsStr)> {
        match (path.parent(), path.name()) {
            (Some(parent), Some(name)) => Ok((self.directory(&parent)?, name)),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "the instance's folder itself is meant")),
        }
    }

    /// What stands at `path`; `None` if nothing does, also because a folder on the way is none.
    pub(crate) fn kind(&self, path: &RelativePath) -> io::Result<Option<Kind>> {
        if path.is_top() {
            return Ok(Some(Kind::Directory));
        }
        let found = self.parent(path).and_then(|(at, name)| {
            let status = fstatat(&at, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
            Ok(match SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT {
                SFlag::S_IFREG => Kind::File,
                SFlag::S_IFDIR => Kind::Directory,
                SFlag::S_IFLNK => Kind::Link { dangling: fstatat(&at, name, AtFlags::empty()).is_err() },
                _ => Kind::Other,
            })
        });
        match found {
            Ok(kind) => Ok(Some(kind)),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The names in a folder.
    pub(crate) fn names(&self, path: &RelativePath) -> io::Result<Vec<OsString>> {
        std::fs::read_dir(self.proc_path(path)?.1)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    /// A path that leads to the folder `path` as long as the descriptor lives.
    pub(crate) fn proc_path(&self, path: &RelativePath) -> io::Result<(OwnedFd, PathBuf)> {
        let directory = self.directory(path)?;
        let shown = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
        Ok((directory, shown))
    }

    /// Makes a folder; one that is there already will do.
    pub(crate) fn make_directory(&self, path: &RelativePath) -> io::Result<()> {
        let (at, name) = self.parent(path)?;
        match mkdirat(&at, name, Mode::from_bits_truncate(0o777)) {
            Err(Errno::EEXIST) if self.kind(path)? == Some(Kind::Directory) => Ok(()),
            result => Ok(result?),
        }
    }

    /// Makes a file that must not be there yet, for its owner only.
    pub(crate) fn create(&self, path: &RelativePath) -> io::Result<File> {
        let (at, name) = self.parent(path)?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(openat(&at, name, flags, Mode::from_bits_truncate(0o600))?.into())
    }

    /// Makes a symbolic link that must not be there yet.
    pub(crate) fn link(&self, target: &Path, path: &RelativePath) -> io::Result<()> {
        let (at, name) = self.parent(path)?;
        Ok(symlinkat(target, &at, name)?)
    }

    /// Moves `from` to `to`, replacing a file there.
    pub(crate) fn rename(&self, from: &RelativePath, to: &RelativePath) -> io::Result<()> {
        let (from_at, from_name) = self.parent(from)?;
        let (to_at, to_name) = self.parent(to)?;
        Ok(renameat(&from_at, from_name, &to_at, to_name)?)
    }

    /// Removes a file or link, or a folder if it is empty; what is missing or not empty is left as it is.
    pub(crate) fn remove(&self, path: &RelativePath) -> io::Result<()> {
        let flags = match self.kind(path)? {
            None => return Ok(()),
            Some(Kind::Directory) => UnlinkatFlags::RemoveDir,
            Some(Kind::File | Kind::Link { .. } | Kind::Other) => UnlinkatFlags::NoRemoveDir,
        };
        let (at, name) = self.parent(path)?;
        match unlinkat(&at, name, flags) {
            Err(Errno::ENOENT | Errno::ENOTEMPTY | Errno::EEXIST) => Ok(()),
            result => Ok(result?),
        }
    }

    /// Sets the mode of a file or folder, never that of what a link points to.
    pub(crate) fn set_mode(&self, path: &RelativePath, mode: u32) -> io::Result<()> {
        let (at, name) = self.parent(path)?;
        Ok(fchmodat(&at, name, Mode::from_bits_truncate(mode), FchmodatFlags::NoFollowSymlink)?)
    }

    /// Sets owner and group, of a link itself.
    pub(crate) fn set_owner(
        &self,
        path: &RelativePath,
        owner: Option<u32>,
        group: Option<u32>,
    ) -> io::Result<()> {
        let (at, name) = self.parent(path)?;
        let (owner, group) = (owner.map(Uid::from_raw), group.map(Gid::from_raw));
        Ok(fchownat(&at, name, owner, group, AtFlags::AT_SYMLINK_NOFOLLOW)?)
    }

    /// Sets the modification time, of a link itself.
    pub(crate) fn set_modified(&self, path: &RelativePath, seconds: i64, nanoseconds: i64) -> io::Result<()> {
        let (at, name) = self.parent(path)?;
        let time = TimeSpec::new(seconds, nanoseconds);
        Ok(utimensat(&at, name, &time, &time, UtimensatFlags::NoFollowSymlink)?)
    }

    /// Opens a folder so that it can be made durable.
    pub(crate) fn open_directory(&self, path: &RelativePath) -> io::Result<File> {
        let directory = self.directory(path)?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(openat(directory.as_fd(), OsStr::from_bytes(b"."), flags, Mode::empty())?.into())
    }
}

/// Whether a walk ended because something on the way is missing, or is no folder (a link counts as none).
pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn path(text: &str) -> RelativePath {
        RelativePath::new(text).unwrap()
    }

    #[test]
    fn links_on_the_way_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (root, outside) = (dir.path().join("root"), dir.path().join("outside"));
        fs::create_dir_all(&outside).unwrap();
        let folder = Folder::open(&root).unwrap();
        symlink(&outside, root.join("out")).unwrap();
        symlink("../outside", root.join("up")).unwrap();
        for name in ["out", "up"] {
            assert!(folder.create(&path(&format!("{name}/x"))).is_err());
            assert!(folder.make_directory(&path(&format!("{name}/d"))).is_err());
            assert!(folder.names(&path(name)).is_err());
            assert_eq!(folder.kind(&path(&format!("{name}/x"))).unwrap(), None);
        }
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    }

    #[test]
    fn the_last_name_is_not_followed_either() {
        let dir = tempfile::tempdir().unwrap();
        let (root, secret) = (dir.path().join("root"), dir.path().join("secret"));
        fs::write(&secret, "s").unwrap();
        let folder = Folder::open(&root).unwrap();
        symlink(&secret, root.join("link")).unwrap();
        assert!(folder.create(&path("link")).is_err());
        fs::write(root.join("new"), "n").unwrap();
        folder.rename(&path("new"), &path("link")).unwrap();
        assert_eq!(fs::read_to_string(&secret).unwrap(), "s");
        assert_eq!(folder.kind(&path("link")).unwrap(), Some(Kind::File));
    }

    #[test]
    fn removing_what_is_missing_or_full_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        folder.remove(&path("a")).unwrap();
        folder.remove(&path("nothing/here")).unwrap();
        assert_eq!(folder.kind(&path("a/b")).unwrap(), Some(Kind::Directory));
        folder.remove(&path("a/b")).unwrap();
        assert_eq!(folder.names(&path("a")).unwrap(), [""; 0]);
    }
}
