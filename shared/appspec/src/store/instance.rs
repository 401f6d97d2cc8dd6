//! What is remembered of one instance of a deployment group.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{retention, tree};
use crate::deployment::DeploymentId;
use crate::durable;
use crate::lifecycle::LifecycleEvent;
use crate::manifest::{InstallRecord, Manifest};
use crate::outcome::{Target, TargetStatus};

/// An instance's folder of state (not the folder that is deployed to).
#[derive(Debug, Clone)]
pub(crate) struct InstanceStore {
    directory: PathBuf,
}

impl InstanceStore {
    pub(crate) fn open(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        Ok(Self { directory })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// What is installed.
    pub(crate) fn manifest(&self) -> io::Result<Manifest> {
        Ok(durable::load(&self.directory.join("manifest.json"))?.unwrap_or_default())
    }

    pub(crate) fn save_manifest(&self, manifest: &Manifest) -> io::Result<()> {
        durable::save(&self.directory.join("manifest.json"), manifest)
    }

    /// The installation that is under way.
    pub(crate) fn install(&self) -> io::Result<Option<InstallRecord>> {
        durable::load(&self.directory.join("install.json"))
    }

    /// While only temporary files exist the record need not survive the machine's end: they do no harm.
    pub(crate) fn save_install(&self, record: &InstallRecord) -> io::Result<()> {
        let path = self.directory.join("install.json");
        match record.phase {
            crate::manifest::Phase::Staging => durable::save_lightly(&path, record),
            crate::manifest::Phase::Swapping => durable::save_now(&path, record),
        }
    }

    /// The installation that was under way is now what is installed. If the machine forgets the rename, the
    /// installation is finished once more.
    pub(crate) fn complete_install(&self) -> io::Result<()> {
        fs::rename(self.directory.join("install.json"), self.directory.join("manifest.json"))
    }

    pub(crate) fn clear_install(&self) -> io::Result<()> {
        durable::remove(&self.directory.join("install.json"))
    }

    /// What has become of `deployment` on this instance, which is called `name`.
    pub(crate) fn target(&self, deployment: &DeploymentId, name: &str) -> io::Result<Target> {
        let directory = self.deployment(deployment);
        let saved: Option<Target> = durable::load(&directory.join("target.json"))?;
        let mut target = saved.unwrap_or_else(|| Target::pending(name));
        let begun: Option<LifecycleEvent> = durable::load(&directory.join("event.json"))?;
        if let Some(event) = begun.filter(|_| !target.status.is_final()) {
            target.begin(event);
        }
        Ok(target)
    }

    /// Remembers that `event` has begun, so that an interruption can be told.
    pub(crate) fn begin_event(&self, deployment: &DeploymentId, event: LifecycleEvent) -> io::Result<()> {
        durable::save_lightly(&self.deployment(deployment).join("event.json"), &event)
    }

    /// Whatever a script has done must be remembered; an installation can simply be repeated.
    pub(crate) fn save_target(&self, deployment: &DeploymentId, target: &Target) -> io::Result<()> {
        let path = self.deployment(deployment).join("target.json");
        let repeatable = target.status == TargetStatus::Succeeded && !target.ran_scripts();
        if repeatable { durable::save_lightly(&path, target) } else { durable::save(&path, target) }
    }

    /// The unpacked revision of `deployment`, in which its scripts run.
    pub(crate) fn archive(&self, deployment: &DeploymentId) -> PathBuf {
        self.deployment(deployment).join("deployment-archive")
    }

    /// Unpacks `revision` for `deployment`, and forgets the oldest deployments.
    ///
    /// With `durable`, a machine that stops later does not leave empty scripts behind, which would succeed.
    pub(crate) fn download(
        &self,
        deployment: &DeploymentId,
        revision: &Path,
        durable: bool,
    ) -> io::Result<()> {
        let mut kept = vec![deployment.clone()];
        kept.extend(self.manifest()?.deployment);
        retention::prune(&self.directory, &kept)?;
        let archive = self.archive(deployment);
        tree::copy(revision, &archive)?;
        if durable { tree::sync(&archive) } else { Ok(()) }
    }

    /// The log of every script that `deployment` has run here.
    pub(crate) fn scripts_log(&self, deployment: &DeploymentId) -> io::Result<PathBuf> {
        let directory = self.deployment(deployment).join("logs");
        fs::create_dir_all(&directory)?;
        Ok(directory.join("scripts.log"))
    }

    fn deployment(&self, deployment: &DeploymentId) -> PathBuf {
        self.directory.join(deployment.as_str())
    }
}
