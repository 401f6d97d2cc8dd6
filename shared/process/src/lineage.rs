//! A lock that is held as long as any process of a program's lineage lives.
//!
//! The lock (`flock`) belongs to the open file, and reapers inherit that open file over `fork`. It is therefore free
//! only when the program *and* every reaper that it left behind are gone, and a reaper goes last of its descendants.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::oneshot;

/// The lock that the calling program and all its reapers hold. Clones share one lock.
#[derive(Debug, Clone)]
pub struct Lineage {
    file: Arc<File>,
}

impl Lineage {
    /// Takes the lock at once, creating the file if need be.
    ///
    /// A program that is just starting another one holds its own locks twice for a moment, between `fork` and `exec`;
    /// whoever must not fail because of that uses [`Lineage::open`].
    ///
    /// # Errors
    /// `WouldBlock` if a predecessor or one of its processes still lives; others as opening a file gives them.
    pub fn try_open(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file: Arc::new(file) }),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                format!("{} is held by a process that still runs", path.display()),
            )),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Takes the lock, waiting until every process of the predecessor is gone.
    ///
    /// Put a time limit round it: a process that cannot be killed would keep it waiting for ever.
    ///
    /// # Errors
    /// As opening and locking a file give them.
    pub async fn open(path: &Path) -> io::Result<Self> {
        match Self::try_open(path) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            taken => return taken,
        }
        let file = open(path)?;
        let (sender, receiver) = oneshot::channel();
        // A thread of its own: a runtime waits for its blocking tasks when it shuts down, and this one may never end.
        std::thread::Builder::new().name("lineage".into()).spawn(move || {
            let locked = file.lock().map(|()| file);
            drop(sender.send(locked));
        })?;
        let file = receiver.await.map_err(io::Error::other)??;
        Ok(Self { file: Arc::new(file) })
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}
