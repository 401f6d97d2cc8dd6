//! Work on files, done where it may block.

use std::path::PathBuf;
use std::sync::Arc;

use penstock_process::Lineage;

use super::{InstanceRun, Trouble};
use crate::deployment::DeploymentId;
use crate::store::InstanceStore;

/// What blocking work is given.
pub(super) struct Blocking {
    pub(super) root: PathBuf,
    pub(super) store: InstanceStore,
    pub(super) deployment: DeploymentId,
    /// Work in progress outlives whoever waits for it.
    _lock: Lineage,
}

impl Blocking {
    pub(super) fn describe(&self, error: &std::io::Error) -> String {
        format!("{error} (instance {}, state {})", self.root.display(), self.store.directory().display())
    }
}

impl InstanceRun {
    /// Runs `work` where it may block; a panic in it goes on here.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Blocking, &dyn Fn(&str)) -> T + Send + 'static,
    ) -> Result<T, Trouble> {
        let context = Blocking {
            root: self.instance.root.clone(),
            store: self.store.clone(),
            deployment: self.deployment.id.clone(),
            _lock: self.lock.clone(),
        };
        let (observer, instance) = (Arc::clone(&self.deployment.observer), self.instance.name.clone());
        let task =
            tokio::task::spawn_blocking(move || work(&context, &|step| observer.step(&instance, step)));
        match task.await {
            Ok(result) => Ok(result),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(error) => Err(Trouble(format!("the work was given up: {error}"))),
        }
    }
}
