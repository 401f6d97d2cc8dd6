//! One deployment to the instances of a group: begins them as minimum healthy hosts allow, and concludes.

use std::sync::Arc;

use penstock_process::Lineage;
use tokio::task::{JoinError, JoinHandle, JoinSet};

use crate::deploy::DeployError;
use crate::deployment::{Creator, Deployment, DeploymentId};
use crate::fleet::{self, Next, Standing};
use crate::install;
use crate::outcome::{DeploymentStatus, ErrorInformation, Outcome, Target, TargetStatus};
use crate::revision::{self, Revision};
use crate::run::InstanceRun;
use crate::script;
use crate::store::{GroupStore, Record};

/// A deployment group whose lock is held.
pub(crate) struct HeldGroup {
    pub(crate) group: GroupStore,
    pub(crate) lock: Lineage,
}

impl HeldGroup {
    /// Says in an error where the state lies.
    pub(crate) fn of<T>(&self, result: std::io::Result<T>) -> Result<T, DeployError> {
        result.map_err(|error| DeployError::state(self.group.directory(), error))
    }
}

/// One deployment under way.
pub(crate) struct Execution<'a> {
    deployment: Arc<Deployment>,
    held: &'a HeldGroup,
    creator: Creator,
    rollback_of: Option<DeploymentId>,
    revision_of: Option<DeploymentId>,
}

impl<'a> Execution<'a> {
    /// One that a person or an action has started.
    pub(crate) fn new(deployment: Deployment, held: &'a HeldGroup) -> Self {
        let deployment = Arc::new(deployment);
        Self { deployment, held, creator: Creator::User, rollback_of: None, revision_of: None }
    }

    /// One that brings the revision of `revision_of` back because `failed` has failed.
    pub(crate) fn rollback(
        deployment: Deployment,
        held: &'a HeldGroup,
        failed: DeploymentId,
        revision_of: DeploymentId,
    ) -> Self {
        let (rollback_of, revision_of) = (Some(failed), Some(revision_of));
        Self { creator: Creator::Rollback, rollback_of, revision_of, ..Self::new(deployment, held) }
    }

    /// Runs to the end, from wherever it was interrupted; one that has ended is not repeated.
    pub(crate) async fn run(&self) -> Result<Record, DeployError> {
        let id = &self.deployment.id;
        if let Some(record) = self.held.of(self.held.group.record(id))? {
            if record.outcome.status.is_final() {
                return Ok(record);
            }
            self.say(&format!("deployment {id} goes on after an interruption"));
        }
        let revision = self.revision().await?;
        self.check(&revision)?;
        self.warn(&revision);
        let group = &self.deployment.group;
        let mut record = self.held.of(self.held.group.begin(group, self.begin()?))?;
        let minimum = self.deployment.minimum_healthy.hosts(self.deployment.instances.len());
        let kept = self.make_durable();
        let healthy = self.instances(&mut record.outcome, &revision, minimum).await?;
        self.conclude(&mut record.outcome, healthy, minimum);
        record.rollback_due = self.owes_rollback(record.outcome.status);
        if record.outcome.succeeded() {
            // From now on a rollback returns to this deployment.
            self.held.of(joined(kept.await))?;
        }
        self.held.of(self.held.group.save(&record))?;
        self.say(&format!("deployment {id}: {}", record.outcome.summary()));
        Ok(record)
    }

    fn owes_rollback(&self, status: DeploymentStatus) -> bool {
        match status {
            DeploymentStatus::Failed => self.deployment.rollback.on_failure,
            DeploymentStatus::Stopped => self.deployment.stop.asked().is_some_and(|stop| stop.rollback),
            DeploymentStatus::Succeeded | DeploymentStatus::InProgress => false,
        }
    }

    /// Keeps the revision, then reads it: what was checked is what is deployed.
    ///
    /// After an interruption it is kept anew, because the machine may have lost part of the copy; what is not there
    /// any more was kept before.
    async fn revision(&self) -> Result<Revision, DeployError> {
        let (group, deployment) = (self.held.group.clone(), Arc::clone(&self.deployment));
        let name = self.deployment.appspec_name.as_deref();
        let kept = group.revision(&deployment.id);
        match revision::read(&deployment.revision_dir, name) {
            Ok(_) => {
                let task = move || group.keep_revision(&deployment.id, &deployment.revision_dir);
                self.held.of(joined(tokio::task::spawn_blocking(task).await))?;
            }
            Err(_) if kept.is_dir() => {}
            Err(error) => return Err(error.into()),
        }
        Ok(revision::read(&kept, name)?)
    }

    /// The instances as they stand, which after an interruption is not at the beginning.
    fn begin(&self) -> Result<Outcome, DeployError> {
        let mut targets = vec![];
        for instance in &self.deployment.instances {
            let store = self.held.of(self.held.group.instance(&instance.name))?;
            targets.push(self.held.of(store.target(&self.deployment.id, &instance.name))?);
        }
        Ok(Outcome {
            deployment: self.deployment.id.clone(),
            creator: self.creator,
            status: DeploymentStatus::InProgress,
            error: None,
            targets,
            rollback_of: self.rollback_of.clone(),
            revision_of: self.revision_of.clone(),
            rollback: None,
        })
    }

    /// Begins instances as the minimum allows; whether enough succeeded.
    async fn instances(
        &self,
        outcome: &mut Outcome,
        revision: &Revision,
        minimum: usize,
    ) -> Result<bool, DeployError> {
        let mut running = JoinSet::new();
        let interrupted = outcome.targets.iter().enumerate();
        let interrupted = interrupted.filter(|(_, target)| target.status == TargetStatus::InProgress);
        let mut begin: Vec<usize> = interrupted.map(|(index, _)| index).collect();
        loop {
            for index in begin {
                let run = self.instance(index, outcome, revision)?;
                running.spawn(async move { (index, run.run().await) });
            }
            if let Some(ended) = running.try_join_next() {
                let (index, target) = joined(ended);
                outcome.targets[index] = target;
            }
            let standings: Vec<Standing> = outcome.targets.iter().map(standing).collect();
            begin = match fleet::next(&standings, minimum) {
                Next::Succeeded => return Ok(true),
                Next::Failed => return Ok(false),
                Next::Begin(_) if self.deployment.stop.asked().is_some() => vec![],
                Next::Begin(begin) => begin,
            };
            if begin.is_empty() {
                let Some(ended) = running.join_next().await else {
                    return Ok(false);
                };
                let (index, target) = joined(ended);
                outcome.targets[index] = target;
                begin = vec![];
            }
        }
    }

    fn instance(
        &self,
        index: usize,
        outcome: &mut Outcome,
        revision: &Revision,
    ) -> Result<InstanceRun, DeployError> {
        let target = outcome.targets[index].clone();
        outcome.targets[index].status = TargetStatus::InProgress;
        Ok(InstanceRun {
            deployment: Arc::clone(&self.deployment),
            instance: self.deployment.instances[index].clone(),
            spec: Arc::clone(&revision.spec),
            revision: revision.top.clone(),
            store: self.held.of(self.held.group.instance(&target.instance))?,
            lock: self.held.lock.clone(),
            target,
        })
    }

    fn conclude(&self, outcome: &mut Outcome, healthy: bool, minimum: usize) {
        for target in &mut outcome.targets {
            if target.status == TargetStatus::Pending {
                target.status = TargetStatus::Skipped;
                target.skip_rest();
            }
        }
        let complete = outcome.targets.iter().all(|target| target.status == TargetStatus::Succeeded);
        if self.deployment.stop.asked().is_some() && !complete {
            outcome.status = DeploymentStatus::Stopped;
            outcome.error = Some(ErrorInformation::new("MANUAL_STOP", "the deployment was stopped"));
            return;
        }
        outcome.status = if healthy { DeploymentStatus::Succeeded } else { DeploymentStatus::Failed };
        outcome.error = (!healthy).then(|| self.explain(outcome, minimum));
    }

    fn explain(&self, outcome: &Outcome, minimum: usize) -> ErrorInformation {
        let total = outcome.targets.len();
        if minimum >= total {
            let message = format!(
                "{minimum} of {total} instances are to stay healthy, so none can be deployed to; lower the minimum"
            );
            return ErrorInformation::new("HEALTH_CONSTRAINTS_INVALID", message);
        }
        let failed = outcome.targets.iter().filter(|target| target.status == TargetStatus::Failed).count();
        let why = outcome.why_not().map_or_else(String::new, |why| format!("; {why}"));
        let message =
            format!("{failed} of {total} instances failed, at least {minimum} must stay healthy{why}");
        ErrorInformation::new("HEALTH_CONSTRAINTS", message)
    }

    /// Refuses what is sure to fail later, when the old revision may have been stopped already.
    fn check(&self, revision: &Revision) -> Result<(), DeployError> {
        let lenient = self.deployment.ignore_ownership;
        install::check_permissions(&revision.spec.permissions, lenient)
            .map_err(|error| DeployError::NotHere(error.to_string()))?;
        let hooks = revision.spec.hooks.iter().filter(|(event, _)| event.is_in_place() && !lenient);
        for (event, script) in
            hooks.flat_map(|(event, scripts)| scripts.iter().map(move |script| (event, script)))
        {
            if let Err(message) = script::account(script) {
                let way_out = "correct it, or let the deployment group set ignoreOwnership";
                return Err(DeployError::NotHere(format!(
                    "{event}, {}: {message}; {way_out}",
                    script.location
                )));
            }
        }
        Ok(())
    }

    fn warn(&self, revision: &Revision) {
        for warning in &revision.warnings {
            self.say(&format!("{}:{warning}", revision.name));
        }
        for event in revision.spec.hooks.keys().filter(|event| !event.is_in_place()) {
            self.say(&format!(
                "note: the scripts of {event} do not run, because the deployment group has no load balancer; they do in a group that has one"
            ));
        }
    }

    /// Makes the kept revision durable while the instances are deployed to.
    fn make_durable(&self) -> JoinHandle<std::io::Result<()>> {
        let (group, id) = (self.held.group.clone(), self.deployment.id.clone());
        tokio::task::spawn_blocking(move || group.sync_revision(&id))
    }

    fn say(&self, text: &str) {
        self.deployment.observer.line(None, &crate::script_log::clean(text.as_bytes()));
    }
}

fn standing(target: &Target) -> Standing {
    match target.status {
        TargetStatus::Pending | TargetStatus::Skipped => Standing::Waiting,
        TargetStatus::InProgress => Standing::Running,
        TargetStatus::Succeeded => Standing::Succeeded,
        TargetStatus::Failed => Standing::Failed,
    }
}

/// Tasks here are never aborted, so the only way for one not to end is a panic, which goes on here.
fn joined<T>(result: Result<T, JoinError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
