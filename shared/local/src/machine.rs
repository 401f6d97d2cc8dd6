//! One machine: the use cases wired to SQLite, files, child processes and a queue in memory.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use penstock_app::approvals::Approvals;
use penstock_app::base_url::BaseUrl;
use penstock_app::control::Control;
use penstock_app::delivery::Deliveries;
use penstock_app::error::AppError;
use penstock_app::jobs::Jobs;
use penstock_app::port::PortError;
use penstock_app::query::Query;
use penstock_process::Lineage;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::database::{Database, DatabaseError};
use crate::in_flight::InFlight;
use crate::objects::Objects;
use crate::placement;
use crate::queue::MemoryQueue;
use crate::registry::Further;
use crate::room;
use crate::settings::Settings;

mod idle;
mod providers;

pub use idle::Idle;

/// How long the processes of a server that was killed have to end: they are killed with it, which takes moments.
const PREDECESSORS: Duration = Duration::from_secs(60);

/// How often the folder's lock is tried...
const LOCK_TRIES: u32 = 20;
/// ...and the pause after each.
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// How long what is being handled has to be finished when the machine shuts down.
const FAREWELL: Duration = Duration::from_secs(30);

/// Why a machine could not start.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// Another server works in the folder.
    #[error("{} is in use by another penstock; stop it, or use another folder with --dir", .0.display())]
    InUse(PathBuf),
    /// Processes of an earlier server do not end.
    #[error("processes that an earlier penstock in {} began are still running; end them, then start again", .0.display())]
    ProcessesLeft(PathBuf),
    /// The folder or a file in it cannot be used.
    #[error("failed to use {}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A setting is wrong.
    #[error("{0}")]
    Setting(String),
    /// What was under way could not be taken up again.
    #[error("failed to take up what was under way: {0}")]
    Recovery(#[from] AppError),
    /// The database failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// One machine at work. It goes on until [`Machine::shut_down`]; dropping it without is like a crash.
pub struct Machine {
    /// People's commands.
    pub control: Arc<Control>,
    /// What people look at.
    pub query: Arc<Query>,
    /// Answers of invoked functions.
    pub jobs: Arc<Jobs>,
    /// Approvals by link.
    pub approvals: Arc<Approvals>,
    /// Webhooks.
    pub deliveries: Arc<Deliveries>,
    /// The folder whose subfolders are the deployed sites.
    pub sites: PathBuf,
    base_url: BaseUrl,
    database: Arc<Database>,
    queue: MemoryQueue,
    in_flight: InFlight,
    end: watch::Sender<bool>,
    follower: Option<JoinHandle<()>>,
    timer: JoinHandle<()>,
    clean_up: JoinHandle<()>,
    _lock: Arc<File>,
}

impl Machine {
    /// Opens a machine that takes nothing up yet: takes the folder's lock, and waits until processes of a server that
    /// was killed are gone.
    ///
    /// # Errors
    /// [`MachineError`].
    pub async fn open(settings: Settings, further: Vec<Further>) -> Result<Idle, MachineError> {
        Idle::open(settings, further).await
    }

    /// Opens a machine and takes up what was under way.
    ///
    /// # Errors
    /// [`MachineError`]; nothing has begun then.
    pub async fn start(settings: Settings, further: Vec<Further>) -> Result<Self, MachineError> {
        Self::open(settings, further).await?.take_up().await
    }

    /// The artifact store of the state folder `dir`, for providers from outside this crate.
    ///
    /// # Errors
    /// [`MachineError::Io`] if the folder cannot be made.
    pub fn artifacts(dir: &Path) -> Result<Objects, MachineError> {
        let path = prepare(dir)?.join("artifacts");
        Objects::open(&path).map_err(io_at(&path))
    }

    /// Says under which address people reach this machine, once that is known.
    pub fn set_base_url(&self, url: &str) {
        self.base_url.set(url);
    }

    /// Ends builds and records them as interrupted, leaves deployments where they stand, tells people what there is to
    /// tell. The next start takes everything up again.
    pub async fn shut_down(mut self) {
        self.clean_up.abort();
        self.queue.close();
        self.in_flight.shut_down().await;
        if tokio::time::timeout(FAREWELL, self.queue.idle()).await.is_err() {
            tracing::warn!("some work is still being reported; the next start takes care of it");
        }
        self.end.send_replace(true);
        if let Some(follower) = self.follower.take() {
            // A follower that panicked has nothing left to tell.
            let _ = follower.await;
        }
        self.database.close().await;
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.queue.abandon();
        self.timer.abort();
        self.clean_up.abort();
        if let Some(follower) = &self.follower {
            follower.abort();
        }
        self.in_flight.abandon();
    }
}

/// Makes the state folder and gives its absolute path.
fn prepare(dir: &Path) -> Result<PathBuf, MachineError> {
    let dir = fs::create_dir_all(dir).and_then(|()| dir.canonicalize()).map_err(io_at(dir))?;
    placement::apart(&dir);
    Ok(dir)
}

/// Takes the folder's lock. A server that was just ended may hold it for a moment, as may a child that it was starting.
async fn lock(dir: &Path) -> Result<File, MachineError> {
    let path = dir.join("lock");
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io_at(&path))?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_PAUSE).await,
            Err(TryLockError::Error(error)) => return Err(MachineError::Io { path, error }),
        }
    }
    Err(MachineError::InUse(dir.to_owned()))
}

async fn predecessors_gone(dir: &Path) -> Result<Lineage, MachineError> {
    let path = dir.join("processes");
    match tokio::time::timeout(PREDECESSORS, Lineage::open(&path)).await {
        Ok(lineage) => lineage.map_err(io_at(&path)),
        Err(_) => Err(MachineError::ProcessesLeft(dir.to_owned())),
    }
}

/// The key that approvals' tokens are derived with, made at the first start; nobody else may read it.
fn approval_key(dir: &Path) -> Result<[u8; 32], MachineError> {
    let path = dir.join("approval.key");
    if let Ok(bytes) = fs::read(&path)
        && let Ok(key) = <[u8; 32]>::try_from(bytes)
    {
        // It may have been copied here by a program that leaves modes behind.
        fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(io_at(&path))?;
        return Ok(key);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key)
        .map_err(|error| MachineError::Setting(format!("the system gives no random numbers: {error}")))?;
    let fresh = dir.join("approval.key.new");
    let _ = fs::remove_file(&fresh);
    let write = || {
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&fresh)?;
        file.write_all(&key)?;
        file.sync_all()?;
        fs::rename(&fresh, &path)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(io_at(&path))?;
    Ok(key)
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> MachineError {
    let path = path.to_owned();
    move |error| MachineError::Io { error: room::needed_for(&path)(error), path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_approval_key_stays_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mode = || fs::metadata(dir.path().join("approval.key")).unwrap().permissions().mode() & 0o777;
        let key = approval_key(dir.path()).unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(dir.path().join("approval.key"), Permissions::from_mode(0o644)).unwrap();
        assert_eq!(approval_key(dir.path()).unwrap(), key);
        assert_eq!(mode(), 0o600);
    }
}
