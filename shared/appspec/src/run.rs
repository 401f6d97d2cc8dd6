//! A deployment on one instance: its lifecycle events in order, from wherever it was interrupted.

mod blocking;
mod heal;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use penstock_process::Lineage;

use crate::appspec::Server;
use crate::beneath::Folder;
use crate::deployment::{Deployment, Instance};
use crate::install::{self, Installation};
use crate::lifecycle::LifecycleEvent;
use crate::outcome::{Diagnostics, ErrorCode, EventStatus, Target, TargetStatus};
use crate::revision;
use crate::script::{Ended, ScriptContext};
use crate::script_log::ScriptLog;
use crate::store::InstanceStore;

/// Everything that one instance needs.
pub(crate) struct InstanceRun {
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) instance: Instance,
    pub(crate) spec: Arc<Server>,
    /// The kept revision.
    pub(crate) revision: PathBuf,
    pub(crate) store: InstanceStore,
    /// The group's lock, held as long as anything of the deployment is under way.
    pub(crate) lock: Lineage,
    pub(crate) target: Target,
}

/// A revision whose scripts run before the new one's: where it lies and what it says.
type Previous = Option<(PathBuf, Arc<Server>)>;

/// An instance that could not even begin, or whose progress could not be recorded.
#[derive(Debug)]
pub(crate) struct Trouble(String);

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl InstanceRun {
    /// Runs to the end of the instance's deployment and returns what has become of it.
    pub(crate) async fn run(mut self) -> Target {
        match self.open_log() {
            Ok(log) => {
                let prepared = self.prepare(&log).await;
                let result = match prepared {
                    Ok(()) => self.events(&log).await,
                    Err(trouble) => Err(trouble),
                };
                if let Err(Trouble(message)) = result {
                    self.fail_current(message, log.tail());
                }
            }
            Err(Trouble(message)) => self.fail_current(message, String::new()),
        }
        self.close()
    }

    fn open_log(&self) -> Result<ScriptLog, Trouble> {
        let path = self.store.scripts_log(&self.deployment.id)?;
        Ok(ScriptLog::open(&path, &self.instance.name, Arc::clone(&self.deployment.observer))?)
    }

    async fn events(&mut self, log: &ScriptLog) -> Result<(), Trouble> {
        for index in 0..self.target.events.len() {
            let record = &self.target.events[index];
            if record.status == EventStatus::Succeeded {
                continue;
            }
            if record.status == EventStatus::Failed {
                if self.ignores_failure_of(record.event) {
                    continue;
                }
                break;
            }
            if self.deployment.stop.asked().is_some() {
                break;
            }
            if !self.event(index, log).await? {
                break;
            }
        }
        Ok(())
    }

    /// Carries out one event; whether the next one follows.
    async fn event(&mut self, index: usize, log: &ScriptLog) -> Result<bool, Trouble> {
        let event = self.target.events[index].event;
        let begun = Instant::now();
        self.record(event, EventStatus::InProgress);
        self.store.begin_event(&self.deployment.id, event)?;
        log.begin_event();
        let result = if event == LifecycleEvent::DownloadBundle {
            self.download().await?
        } else if event == LifecycleEvent::Install {
            self.install(log).await?
        } else {
            self.scripts(index, log).await?
        };
        let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.target.events[index].milliseconds += milliseconds;
        let Err(ended) = result else {
            self.record(event, EventStatus::Succeeded);
            return Ok(true);
        };
        let ignored = matches!(ended, Ended::Failed(_)) && self.ignores_failure_of(event);
        self.target.events[index].diagnostics = Some(match ended {
            Ended::Failed(diagnostics) => *diagnostics,
            Ended::Stopped => unscripted("the deployment was stopped".into(), log.tail()),
        });
        self.record(event, EventStatus::Failed);
        if ignored {
            self.save()?;
            log.note(&format!("warning: the failure of {event} is ignored, as the deployment asks"));
        }
        Ok(ignored)
    }

    fn ignores_failure_of(&self, event: LifecycleEvent) -> bool {
        event.failure_may_be_ignored() && self.deployment.ignore_application_stop_failures
    }

    async fn download(&self) -> Result<Result<(), Ended>, Trouble> {
        let (revision, durable) = (self.revision.clone(), !self.spec.hooks.is_empty());
        let result = self.blocking(move |run, step| {
            step("download");
            run.store.download(&run.deployment, &revision, durable).map_err(|error| run.describe(&error))
        });
        Ok(result.await?.map_err(|message| Ended::Failed(Box::new(unscripted(message, String::new())))))
    }

    async fn install(&self, log: &ScriptLog) -> Result<Result<(), Ended>, Trouble> {
        let (spec, deployment) = (Arc::clone(&self.spec), Arc::clone(&self.deployment));
        let installed = self.blocking(move |run, step| {
            let folder = Folder::open(&run.root).map_err(|error| run.describe(&error))?;
            let input = Installation {
                deployment: &deployment.id,
                revision: &run.store.archive(&deployment.id),
                folder: &folder,
                store: &run.store,
                behavior: spec.file_exists_behavior.unwrap_or(deployment.file_exists_behavior),
                ignore_ownership: deployment.ignore_ownership,
                step,
                spec: &spec,
            };
            install::install(&input).map_err(|error| error.to_string())
        });
        Ok(match installed.await? {
            Ok(installed) => {
                for warning in &installed.warnings {
                    log.note(&format!("warning: {warning}"));
                }
                let folder = self.instance.root.display();
                log.note(&format!(
                    "installed {} files into {folder}, removed {}",
                    installed.files, installed.removed
                ));
                Ok(())
            }
            Err(message) => {
                log.note(&message);
                Err(Ended::Failed(Box::new(unscripted(message, log.tail()))))
            }
        })
    }

    /// Runs the scripts that an event has in the revision it takes them from.
    async fn scripts(&mut self, index: usize, log: &ScriptLog) -> Result<Result<(), Ended>, Trouble> {
        let event = self.target.events[index].event;
        let (archive, spec) = if event.runs_previous_revision() {
            match self.previous_revision(log)? {
                Ok(Some(previous)) => previous,
                Ok(None) => return Ok(Ok(())),
                Err(message) => {
                    log.note(&message);
                    return Ok(Err(Ended::Failed(Box::new(unscripted(message, log.tail())))));
                }
            }
        } else {
            (self.store.archive(&self.deployment.id), Arc::clone(&self.spec))
        };
        let scripts = spec.hooks.get(&event).map(Vec::as_slice).unwrap_or_default();
        if scripts.is_empty() {
            return Ok(Ok(()));
        }
        log.note(&format!("LifecycleEvent - {event}"));
        let environment = self.environment(event);
        for script in scripts.iter().skip(self.target.events[index].scripts_done) {
            self.deployment.observer.step(&self.instance.name, "script");
            let context = ScriptContext {
                archive: &archive,
                environment: &environment,
                ignore_ownership: self.deployment.ignore_ownership,
                lineage: Some(self.deployment.lineage.clone().unwrap_or_else(|| self.lock.clone())),
                log,
                stop: &self.deployment.stop,
            };
            if let Err(ended) = context.run(script).await {
                return Ok(Err(ended));
            }
            self.target.events[index].scripts_done += 1;
            self.save()?;
        }
        Ok(Ok(()))
    }

    /// The last revision that was installed here, if it is still kept. A first deployment has none.
    fn previous_revision(&self, log: &ScriptLog) -> Result<Result<Previous, String>, Trouble> {
        let last = self.store.manifest()?.deployment.filter(|last| *last != self.deployment.id);
        let Some(last) = last else { return Ok(Ok(None)) };
        let archive = self.store.archive(&last);
        if !archive.is_dir() {
            log.note(&format!("the revision of {last} is not kept any more; its scripts do not run"));
            return Ok(Ok(None));
        }
        let found = revision::read(&archive, self.deployment.appspec_name.as_deref());
        Ok(found.map(|found| Some((found.top, found.spec))).map_err(|error| {
            format!("the scripts of {last} cannot be run: {error}; deploy with ignoreApplicationStopFailures")
        }))
    }

    fn environment(&self, event: LifecycleEvent) -> Vec<(OsString, OsString)> {
        let group = &self.deployment.group;
        let own: [(&str, OsString); 7] = [
            ("LIFECYCLE_EVENT", event.name().into()),
            ("DEPLOYMENT_ID", self.deployment.id.as_str().into()),
            ("APPLICATION_NAME", group.application.clone().into()),
            ("DEPLOYMENT_GROUP_NAME", group.name.clone().into()),
            ("DEPLOYMENT_GROUP_ID", group.id().into()),
            ("PENSTOCK_INSTANCE_ROOT", self.instance.root.clone().into()),
            ("PENSTOCK_INSTANCE_NAME", self.instance.name.clone().into()),
        ];
        let inherited =
            self.deployment.environment.iter().filter(|(name, _)| own.iter().all(|(other, _)| name != other));
        inherited.cloned().chain(own.iter().map(|(name, value)| ((*name).into(), value.clone()))).collect()
    }

    fn record(&mut self, event: LifecycleEvent, status: EventStatus) {
        self.target.set(event, status);
        self.deployment.observer.event(&self.instance.name, event, status);
    }

    fn save(&self) -> Result<(), Trouble> {
        self.deployment.observer.step(&self.instance.name, "record");
        Ok(self.store.save_target(&self.deployment.id, &self.target)?)
    }

    /// Blames the event that is under way, or the next one, for what is no script's fault.
    fn fail_current(&mut self, message: String, log_tail: String) {
        let open = |status| matches!(status, EventStatus::InProgress | EventStatus::Pending);
        let Some(record) = self.target.events.iter_mut().find(|record| open(record.status)) else {
            return;
        };
        record.diagnostics = Some(unscripted(message, log_tail));
        let event = record.event;
        self.record(event, EventStatus::Failed);
    }

    fn close(mut self) -> Target {
        let done = self.target.events.iter().all(|record| {
            record.status == EventStatus::Succeeded
                || record.status == EventStatus::Failed && self.ignores_failure_of(record.event)
        });
        self.target.skip_rest();
        self.target.status = if done { TargetStatus::Succeeded } else { TargetStatus::Failed };
        if let Err(Trouble(message)) = self.save() {
            let note = format!("warning: the result cannot be recorded: {message}");
            self.deployment.observer.line(Some(&self.instance.name), &note);
        }
        self.target
    }
}

/// A failure that is no script's fault.
fn unscripted(message: String, log_tail: String) -> Diagnostics {
    Diagnostics { error_code: ErrorCode::UnknownError, script_name: String::new(), message, log_tail }
}
