//! Deploying: one deployment of a group at a time, and the last good revision again if it fails.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use penstock_process::Lineage;
use thiserror::Error;

use crate::deployment::{Deployment, DeploymentId, Group};
use crate::execution::{Execution, HeldGroup};
use crate::outcome::Outcome;
use crate::revision::RevisionError;
use crate::rollback::roll_back;
use crate::store::{GroupStore, Record};

/// Why a deployment could not begin. Nothing was changed on any instance.
#[derive(Debug, Error)]
pub enum DeployError {
    /// The revision cannot be deployed.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// This machine, or this user, lacks what the appspec asks for.
    #[error("the revision cannot be deployed here: {0}")]
    NotHere(String),
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
/// If the deployment fails and has a [`RollbackPolicy`](crate::RollbackPolicy), or was stopped so, the last good revision is deployed to the
/// instances that it has reached, as a deployment of its own, [`Outcome::rollback`].
///
/// # Errors
/// [`DeployError`] if it could not begin; a deployment that failed is an [`Outcome`].
pub async fn deploy(mut deployment: Deployment) -> Result<Outcome, DeployError> {
    make_absolute(&mut deployment).map_err(|error| DeployError::state(&deployment.state_dir, error))?;
    check_instances(&deployment)?;
    let held = hold(&deployment).await?;
    let rollback = deployment.id.rollback();
    for id in held.of(held.group.end_others(&[&deployment.id, &rollback]))? {
        deployment.observer.line(None, &format!("deployment {id} was interrupted and is given up"));
    }
    let mut record = Execution::new(deployment.clone(), &held).run().await?;
    if record.rollback_due {
        match roll_back(&deployment, &held, &record.outcome).await {
            Ok(rolled_back) => record.outcome.rollback = rolled_back.map(Box::new),
            Err(error @ DeployError::State { .. }) => return Err(error),
            Err(error) => deployment.observer.line(None, &format!("the rollback cannot begin: {error}")),
        }
        record.rollback_due = false;
        held.of(held.group.save(&record))?;
    }
    Ok(record.outcome)
}

/// The deployments in `state_dir` that were under way when the program ended.
///
/// # Errors
/// [`DeployError::State`].
pub fn interrupted(state_dir: &Path) -> Result<Vec<Interrupted>, DeployError> {
    let failed = |error| DeployError::state(state_dir, error);
    let mut found = vec![];
    for group in GroupStore::all(state_dir).map_err(failed)? {
        for Record { group, outcome, .. } in group.open_records().map_err(failed)? {
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

impl DeployError {
    pub(crate) fn state(path: &Path, error: std::io::Error) -> Self {
        Self::State { path: path.to_owned(), error }
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
        let characters = name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        if !characters || !(1..=100).contains(&name.len()) || name.chars().all(|c| c == '.') {
            return Err(DeployError::InstanceName(name.chars().take(100).collect()));
        }
        let root = instance.root.canonicalize().unwrap_or_else(|_| instance.root.clone());
        if !names.insert(name) || !roots.insert(root) {
            return Err(DeployError::InstanceTwice(name.clone()));
        }
    }
    Ok(())
}

/// Waits until no other deployment of the group, nor a process that an interrupted one has left, is under way.
async fn hold(deployment: &Deployment) -> Result<HeldGroup, DeployError> {
    let failed = |error| DeployError::state(&deployment.state_dir, error);
    let group = GroupStore::open(&deployment.state_dir, &deployment.group).map_err(failed)?;
    let path = group.lock_path();
    match Lineage::try_open(&path) {
        Ok(lock) => return Ok(HeldGroup { group, lock }),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
        Err(error) => return Err(failed(error)),
    }
    let waiting = "waiting for another deployment of this group, or for what an interrupted one left running";
    deployment.observer.line(None, waiting);
    tokio::select! {
        lock = Lineage::open(&path) => Ok(HeldGroup { group, lock: lock.map_err(failed)? }),
        _ = deployment.stop.wait() => Err(DeployError::StoppedWaiting),
    }
}
