//! What comes before the first event: an installation that was interrupted is finished or undone.

use super::{InstanceRun, Trouble};
use crate::beneath::Folder;
use crate::deployment::DeploymentId;
use crate::install::{self, Recovery};
use crate::lifecycle::LifecycleEvent;
use crate::outcome::{EventStatus, TargetStatus};
use crate::script_log::ScriptLog;

impl InstanceRun {
    /// Heals what an earlier, interrupted deployment has left, whichever it was.
    pub(super) async fn prepare(&mut self, log: &ScriptLog) -> Result<(), Trouble> {
        let interrupted = self.target.events.iter().rfind(|record| record.status == EventStatus::InProgress);
        let mut interrupted = interrupted.map(|record| record.event);
        self.target.status = TargetStatus::InProgress;
        let recovery = self.blocking(|run, step| {
            let folder = Folder::open(&run.root).map_err(|error| run.describe(&error))?;
            install::recover(&folder, &run.store, step).map_err(|error| error.to_string())
        });
        match recovery.await? {
            Ok(Recovery::Nothing) => {}
            Ok(Recovery::Undone(id)) => {
                log.note(&format!("the interrupted installation of {id} had changed nothing; undone"));
                interrupted = self.has_come_to_install(&id, EventStatus::Pending).or(interrupted);
            }
            Ok(Recovery::Finished(id)) => {
                log.note(&format!("finished the interrupted installation of {id}"));
                interrupted = self.has_come_to_install(&id, EventStatus::Succeeded).or(interrupted);
            }
            Err(message) => {
                log.note(&format!("warning: an interrupted installation cannot be finished: {message}"));
            }
        }
        let installed = self.store.manifest()?.deployment;
        if let Some(id) = installed.filter(|id| *id == self.deployment.id) {
            self.has_come_to_install(&id, EventStatus::Succeeded);
        }
        self.miss_archive();
        if let Some(event) = interrupted {
            log.note(&format!(
                "deployment {} was interrupted during {event} and goes on there",
                self.deployment.id
            ));
        }
        Ok(())
    }

    /// An installation that had begun tells that all before it was done, if it is this deployment's.
    fn has_come_to_install(&mut self, id: &DeploymentId, install: EventStatus) -> Option<LifecycleEvent> {
        if *id != self.deployment.id {
            return None;
        }
        for record in &mut self.target.events {
            if record.event == LifecycleEvent::Install {
                record.status = install;
                break;
            }
            if record.status != EventStatus::Failed {
                record.status = EventStatus::Succeeded;
            }
        }
        Some(LifecycleEvent::Install)
    }

    /// Unpacks a revision again that is gone, or that was not made durable (because it has no scripts) and may have
    /// been lost in part.
    fn miss_archive(&mut self) {
        let done = |event| {
            self.target
                .events
                .iter()
                .any(|record| record.event == event && record.status == EventStatus::Succeeded)
        };
        let is_there = self.store.archive(&self.deployment.id).is_dir();
        let is_sound = !self.spec.hooks.is_empty() || done(LifecycleEvent::Install);
        if done(LifecycleEvent::DownloadBundle) && !(is_there && is_sound) {
            self.target.set(LifecycleEvent::DownloadBundle, EventStatus::Pending);
        }
    }
}
