//! Brings the last good revision back, as a deployment of its own.

use crate::deploy::DeployError;
use crate::deployment::{Deployment, DeploymentId, Instance, RollbackPolicy};
use crate::execution::{Execution, HeldGroup};
use crate::outcome::{Outcome, TargetStatus};
use crate::stop::StopSignal;

/// Deploys the last good revision to every instance that `failed` has reached, those where it failed first.
///
/// It cannot be stopped: half of a rollback is what nobody wants. Its scripts' timeouts bound it.
pub(crate) async fn roll_back(
    deployment: &Deployment,
    held: &HeldGroup,
    failed: &Outcome,
) -> Result<Option<Outcome>, DeployError> {
    let say = |text: &str| deployment.observer.line(None, text);
    let id = deployment.id.rollback();
    let Some(last) = last_good(deployment, held, &id)? else {
        say("there is no earlier successful deployment to roll back to");
        return Ok(None);
    };
    let instances = reached(deployment, failed);
    if instances.is_empty() {
        say("no instance was reached, so nothing is rolled back");
        return Ok(None);
    }
    say(&format!("rolling back to the revision of {last} as deployment {id}"));
    let again = Deployment {
        id,
        revision_dir: held.group.revision(&last),
        instances,
        rollback: RollbackPolicy::default(),
        stop: StopSignal::never(),
        ..deployment.clone()
    };
    let execution = Execution::rollback(again, held, deployment.id.clone(), last);
    Ok(Some(execution.run().await?.outcome))
}

/// What an interrupted rollback was returning to, or else the last deployment that succeeded.
fn last_good(
    deployment: &Deployment,
    held: &HeldGroup,
    rollback: &DeploymentId,
) -> Result<Option<DeploymentId>, DeployError> {
    let begun = held.of(held.group.record(rollback))?.and_then(|record| record.outcome.revision_of);
    let last = if begun.is_some() { begun } else { held.of(held.group.last_successful())? };
    Ok(last.filter(|last| *last != deployment.id))
}

fn reached(deployment: &Deployment, failed: &Outcome) -> Vec<Instance> {
    let with = |status| failed.targets.iter().filter(move |target| target.status == status);
    let named = |name: &str| deployment.instances.iter().find(|instance| instance.name == name).cloned();
    let targets = with(TargetStatus::Failed).chain(with(TargetStatus::Succeeded));
    targets.filter_map(|target| named(&target.instance)).collect()
}
