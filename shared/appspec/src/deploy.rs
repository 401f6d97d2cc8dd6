//! Carries a deployment out on its instances, and brings the last good revision back if it fails.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use penstock_process::Lineage;
use thiserror::Error;
use tokio::task::{JoinError, JoinHandle, JoinSet};

use crate::deployment::{Creator, Deployment, DeploymentId, Group, Instance, RollbackPolicy};
use crate::fleet::{self, Next, Standing};
use crate::outcome::{DeploymentStatus, ErrorInformation, Outcome, Target, TargetStatus};
use crate::revision::{self, Revision, RevisionError};
use crate::run::InstanceRun;
use crate::stop::StopSignal;
use crate::store::{GroupStore, Record};

/// Why a deployment could not begin. Nothing was changed on any instance.
#[derive(Debug, Error)]
pub enum DeployError {
    /// The revision cannot be deployed.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// There is no instance.
    #[error("the deployment group {0} has no instances; name some in its configuration")]
    NoInstances(String),
    /// An instance's name is none.
    #[error("`{0}` is no name for an instance; use letters, digits, `.`, `_` and `-`, up to 100")]
    InstanceName(String),
    /// Two instances share a name or a folder.
    #[error("two instances of the deployment group are called `{0}`, or have its folder; give each its own")]
    InstanceTwice(String),
    /// It was stopped while another deployment of the group was under way.
    #[error("the deployment was stopped while it waited for another one of its group")]
    StoppedWaiting,
    /// The state could not be read or written.
    #[error("failed to use the deployment state in {}: {error}", .path.display())]
    State {
        /// The state's folder.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

/// A deployment that was under way when the program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interrupted {
    /// Its id: [`deploy`] with this id goes on with it (of a rollback: the id of what is rolled back).
    pub deployment: DeploymentId,
    /// Its group.
    pub group: Group,
}

/// Deploys, or goes on with a deployment of the same id, or repeats its result if it has ended.
///
/// One deployment of a group is under way at a time; others wait for it, unless they are stopped. Completed lifecycle
/// events are not repeated; an interrupted installation is finished or begun anew; an interrupted script runs again.
/// If the deployment fails and has a [`RollbackPolicy`], or was stopped so, the last good revision is deployed to the
/// instances that it has reached, as a deployment of its own, [`Outcome::rollback`].
///
/// # Errors
/// [`DeployError`] if it could not begin; a deployment that failed is an [`Outcome`].
pub async fn deploy(mut deployment: Deployment) -> Result<Outcome, DeployError> {
    let state = State {
        path: deployment.state_dir.clone(),
    };
    state.of(make_absolute(&mut deployment))?;
    check_instances(&deployment)?;
    let group = state.of(GroupStore::open(&deployment.state_dir, &deployment.group))?;
    let lock = lock(&deployment, &group, &state).await?;
    let rollback = deployment.id.rollback();
    for id in state.of(group.end_others(&[&deployment.id, &rollback]))? {
        deployment
            .observer
            .line(None, &format!("deployment {id} was interrupted and is given up"));
    }
    let mut record = Execution::new(deployment.clone(), &group, &lock)
        .run(&state)
        .await?;
    if record.rollback_due {
        match roll_back(&deployment, &group, &lock, &state, &record.outcome).await {
            Ok(rolled_back) => record.outcome.rollback = rolled_back.map(Box::new),
            Err(DeployError::Revision(error)) => {
                deployment
                    .observer
                    .line(None, &format!("the rollback cannot begin: {error}"));
            }
            Err(error) => return Err(error),
        }
        record.rollback_due = false;
        state.of(group.save(&record))?;
    }
    Ok(record.outcome)
}

/// The deployments in `state_dir` that were under way when the program ended.
///
/// # Errors
/// [`DeployError::State`].
pub fn interrupted(state_dir: &Path) -> Result<Vec<Interrupted>, DeployError> {
    let state = State {
        path: state_dir.to_owned(),
    };
    let mut found = vec![];
    for group in state.of(GroupStore::all(state_dir))? {
        for Record { group, outcome, .. } in state.of(group.open_records())? {
            // A rollback is gone on with by going on with what it rolls back.
            let deployment = outcome.rollback_of.unwrap_or(outcome.deployment);
            let entry = Interrupted { deployment, group };
            if !found.contains(&entry) {
                found.push(entry);
            }
        }
    }
    Ok(found)
}

struct State {
    path: PathBuf,
}

impl State {
    fn of<T>(&self, result: std::io::Result<T>) -> Result<T, DeployError> {
        result.map_err(|error| DeployError::State {
            path: self.path.clone(),
            error,
        })
    }
}

/// Scripts have another working folder than this program.
fn make_absolute(deployment: &mut Deployment) -> std::io::Result<()> {
    let roots = deployment.instances.iter_mut().map(|instance| &mut instance.root);
    for path in roots.chain([&mut deployment.revision_dir, &mut deployment.state_dir]) {
        *path = std::path::absolute(&*path)?;
    }
    Ok(())
}

fn check_instances(deployment: &Deployment) -> Result<(), DeployError> {
    if deployment.instances.is_empty() {
        return Err(DeployError::NoInstances(deployment.group.name.clone()));
    }
    let (mut names, mut roots) = (HashSet::new(), HashSet::new());
    for instance in &deployment.instances {
        let name = &instance.name;
        let characters = name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        if !characters || !(1..=100).contains(&name.len()) || name.chars().all(|c| c == '.') {
            return Err(DeployError::InstanceName(name.chars().take(100).collect()));
        }
        let root = instance
            .root
            .canonicalize()
            .unwrap_or_else(|_| instance.root.clone());
        if !names.insert(name) || !roots.insert(root) {
            return Err(DeployError::InstanceTwice(name.clone()));
        }
    }
    Ok(())
}

/// Waits until no other deployment of the group, nor a process that an interrupted one has left, is under way.
async fn lock(deployment: &Deployment, group: &GroupStore, state: &State) -> Result<Lineage, DeployError> {
    let path = group.lock_path();
    match Lineage::try_open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
        taken => return state.of(taken),
    }
    deployment.observer.line(
        None,
        "waiting for another deployment of this group, or for what an interrupted one left running",
    );
    tokio::select! {
        taken = Lineage::open(&path) => state.of(taken),
        _ = deployment.stop.wait() => Err(DeployError::StoppedWaiting),
    }
}

/// Deploys the last good revision to every instance that `failed` has reached, those where it failed first.
async fn roll_back(
    deployment: &Deployment,
    group: &GroupStore,
    lock: &Lineage,
    state: &State,
    failed: &Outcome,
) -> Result<Option<Outcome>, DeployError> {
    let id = deployment.id.rollback();
    let resumed = state
        .of(group.record(&id))?
        .and_then(|record| record.outcome.revision_of);
    let last = match resumed {
        Some(last) => Some(last),
        None => state.of(group.last_successful())?,
    };
    let reached = |status| move |target: &&Target| target.status == status;
    let touched = failed.targets.iter().filter(reached(TargetStatus::Failed));
    let touched = touched.chain(failed.targets.iter().filter(reached(TargetStatus::Succeeded)));
    let instances: Vec<Instance> = touched
        .filter_map(|target| {
            deployment
                .instances
                .iter()
                .find(|instance| instance.name == target.instance)
                .cloned()
        })
        .collect();
    let Some(last) = last.filter(|last| *last != deployment.id) else {
        deployment
            .observer
            .line(None, "there is no earlier successful deployment to roll back to");
        return Ok(None);
    };
    if instances.is_empty() {
        deployment
            .observer
            .line(None, "no instance was reached, so nothing is rolled back");
        return Ok(None);
    }
    deployment.observer.line(
        None,
        &format!("rolling back to the revision of {last} as deployment {id}"),
    );
    let again = Deployment {
        id,
        revision_dir: group.revision(&last),
        instances,
        rollback: RollbackPolicy::default(),
        stop: StopSignal::never(),
        ..deployment.clone()
    };
    let mut execution = Execution::new(again, group, lock);
    execution.creator = Creator::Rollback;
    execution.rollback_of = Some(deployment.id.clone());
    execution.revision_of = Some(last);
    Ok(Some(execution.run(state).await?.outcome))
}

/// One deployment under way.
struct Execution<'a> {
    deployment: Arc<Deployment>,
    group: &'a GroupStore,
    lock: &'a Lineage,
    creator: Creator,
    rollback_of: Option<DeploymentId>,
    revision_of: Option<DeploymentId>,
}

impl<'a> Execution<'a> {
    fn new(deployment: Deployment, group: &'a GroupStore, lock: &'a Lineage) -> Self {
        let deployment = Arc::new(deployment);
        Self {
            deployment,
            group,
            lock,
            creator: Creator::User,
            rollback_of: None,
            revision_of: None,
        }
    }

    async fn run(&self, state: &State) -> Result<Record, DeployError> {
        let id = &self.deployment.id;
        if let Some(record) = state.of(self.group.record(id))? {
            if record.outcome.status.is_final() {
                return Ok(record);
            }
            self.say(&format!("deployment {id} goes on after an interruption"));
        }
        let revision = self.revision(state).await?;
        self.warn(&revision);
        let mut record = Record::new(&self.deployment.group, self.begin(state)?);
        state.of(self.group.save(&record))?;
        let minimum = self
            .deployment
            .minimum_healthy
            .hosts(self.deployment.instances.len());
        let kept = self.make_durable();
        let healthy = self
            .instances(&mut record.outcome, &revision, minimum, state)
            .await?;
        self.conclude(&mut record.outcome, healthy, minimum);
        record.rollback_due = self.owes_rollback(record.outcome.status);
        if record.outcome.succeeded() {
            // From now on a rollback returns to this deployment.
            state.of(joined(kept.await))?;
            state.of(self.group.save_last_successful(&self.deployment.id))?;
        }
        state.of(self.group.save(&record))?;
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
    async fn revision(&self, state: &State) -> Result<Revision, DeployError> {
        let (group, deployment) = (self.group.clone(), Arc::clone(&self.deployment));
        let name = self.deployment.appspec_name.clone();
        // Nothing is kept of a revision that cannot be deployed.
        revision::read(&deployment.revision_dir, name.as_deref()).or_else(|error| {
            let kept = group.revision(&deployment.id);
            if kept.is_dir() {
                revision::read(&kept, name.as_deref())
            } else {
                Err(error)
            }
        })?;
        let kept = tokio::task::spawn_blocking(move || {
            group.keep_revision(&deployment.id, &deployment.revision_dir)
        });
        let kept = state.of(joined(kept.await))?;
        Ok(revision::read(&kept, self.deployment.appspec_name.as_deref())?)
    }

    /// The instances as they stand, which after an interruption is not at the beginning.
    fn begin(&self, state: &State) -> Result<Outcome, DeployError> {
        let mut targets = vec![];
        for instance in &self.deployment.instances {
            let store = state.of(self.group.instance(&instance.name))?;
            let target = state.of(store.target(&self.deployment.id))?;
            targets.push(target.unwrap_or_else(|| Target::pending(&instance.name)));
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
        state: &State,
    ) -> Result<bool, DeployError> {
        let mut running = JoinSet::new();
        let interrupted = outcome.targets.iter().enumerate();
        let interrupted = interrupted.filter(|(_, target)| target.status == TargetStatus::InProgress);
        let mut begin: Vec<usize> = interrupted.map(|(index, _)| index).collect();
        loop {
            for index in begin {
                let run = self.instance(index, outcome, revision, state)?;
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
        state: &State,
    ) -> Result<InstanceRun, DeployError> {
        let target = outcome.targets[index].clone();
        outcome.targets[index].status = TargetStatus::InProgress;
        Ok(InstanceRun {
            deployment: Arc::clone(&self.deployment),
            instance: self.deployment.instances[index].clone(),
            spec: Arc::clone(&revision.spec),
            revision: revision.top.clone(),
            store: state.of(self.group.instance(&target.instance))?,
            lock: self.lock.clone(),
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
        let complete = outcome
            .targets
            .iter()
            .all(|target| target.status == TargetStatus::Succeeded);
        if self.deployment.stop.asked().is_some() && !complete {
            outcome.status = DeploymentStatus::Stopped;
            outcome.error = Some(ErrorInformation::new("MANUAL_STOP", "the deployment was stopped"));
            return;
        }
        outcome.status = if healthy {
            DeploymentStatus::Succeeded
        } else {
            DeploymentStatus::Failed
        };
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
        let failed = outcome
            .targets
            .iter()
            .filter(|target| target.status == TargetStatus::Failed)
            .count();
        let first = outcome
            .first_failure()
            .map_or_else(String::new, |(target, event)| {
                let why = event
                    .diagnostics
                    .as_ref()
                    .map_or("", |diagnostics| &diagnostics.message);
                format!("; {} on {}: {why}", event.event, target.instance)
            });
        let message =
            format!("{failed} of {total} instances failed, at least {minimum} must stay healthy{first}");
        ErrorInformation::new("HEALTH_CONSTRAINTS", message)
    }

    fn warn(&self, revision: &Revision) {
        for warning in &revision.warnings {
            self.say(&format!("{}:{warning}", revision.name));
        }
        for event in revision.spec.hooks.keys().filter(|event| !event.is_in_place()) {
            self.say(&format!(
                "warning: the scripts of {event} do not run: instances here have no load balancer"
            ));
        }
    }

    /// Makes the kept revision durable while the instances are deployed to.
    fn make_durable(&self) -> JoinHandle<std::io::Result<()>> {
        let (group, id) = (self.group.clone(), self.deployment.id.clone());
        tokio::task::spawn_blocking(move || group.sync_revision(&id))
    }

    fn say(&self, text: &str) {
        self.deployment
            .observer
            .line(None, &crate::script_log::clean(text.as_bytes()));
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
