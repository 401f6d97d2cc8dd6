//! How far a service's deployment is: a pure look at what `DescribeServices` says.
//!
//! A service that was rolled back is stable too: that the service is steady says nothing of our deployment.

use aws_sdk_ecs::types::{Deployment, DeploymentRolloutState, Service};

/// Where our deployment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rollout {
    /// It goes on.
    Running {
        /// Since when, in milliseconds since 1970.
        begun: Option<i64>,
    },
    /// All its tasks run and take traffic.
    Completed,
    /// The circuit breaker or an alarm ended it.
    Failed {
        /// Why, as ECS says.
        reason: String,
    },
    /// Another deployment has taken its place.
    Replaced {
        /// That one's task definition.
        by: String,
        /// Whether that one is complete.
        settled: bool,
    },
}

/// The deployment that a service moves to.
pub(super) fn primary(service: &Service) -> Option<&Deployment> {
    service.deployments().iter().find(|it| it.status() == Some("PRIMARY"))
}

/// The deployment `id` of `service`; `is_ours` says whether a task definition is this attempt's, for where ECS
/// no longer lists the deployment.
pub(super) fn of(service: &Service, id: &str, is_ours: impl Fn(&str) -> bool) -> Rollout {
    let ours = service.deployments().iter().find(|it| it.id() == Some(id));
    if let Some(Rollout::Failed { reason }) = ours.map(state) {
        return Rollout::Failed { reason };
    }
    let Some(primary) = primary(service) else {
        return ours.map_or(Rollout::Failed { reason: "the service has no deployment".to_owned() }, state);
    };
    let definition = primary.task_definition().unwrap_or_default();
    let same =
        ours.map_or_else(|| is_ours(definition), |it| it.task_definition() == primary.task_definition());
    if same {
        return state(primary);
    }
    Rollout::Replaced { by: definition.to_owned(), settled: state(primary) == Rollout::Completed }
}

fn state(deployment: &Deployment) -> Rollout {
    let begun = deployment.created_at().and_then(|moment| moment.to_millis().ok());
    match deployment.rollout_state() {
        Some(DeploymentRolloutState::Completed) => Rollout::Completed,
        Some(DeploymentRolloutState::Failed) => {
            let reason = deployment.rollout_state_reason().unwrap_or("no reason was given");
            Rollout::Failed { reason: reason.to_owned() }
        }
        // Some services report no state: all of what was asked for runs.
        None if deployment.running_count() >= deployment.desired_count()
            && deployment.pending_count() == 0 =>
        {
            Rollout::Completed
        }
        // In progress, or a state of the future that is no end.
        Some(_) | None => Rollout::Running { begun },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(
        id: &str,
        status: &str,
        definition: &str,
        state: Option<DeploymentRolloutState>,
    ) -> Deployment {
        Deployment::builder()
            .id(id)
            .status(status)
            .task_definition(definition)
            .set_rollout_state(state)
            .desired_count(2)
            .build()
    }

    fn rollout(deployments: Vec<Deployment>) -> Rollout {
        of(&Service::builder().set_deployments(Some(deployments)).build(), "ours", |arn| arn == "web:8")
    }

    #[test]
    fn our_deployment_decides_not_the_services_steadiness() {
        use DeploymentRolloutState::{Completed, Failed, InProgress};
        let ours = |state| deployment("ours", "PRIMARY", "web:8", state);
        assert_eq!(rollout(vec![ours(Some(InProgress))]), Rollout::Running { begun: None });
        assert_eq!(rollout(vec![ours(Some(Completed))]), Rollout::Completed);
        assert!(matches!(rollout(vec![ours(Some(Failed))]), Rollout::Failed { .. }));
        assert_eq!(rollout(vec![ours(None)]), Rollout::Running { begun: None });
    }

    #[test]
    fn a_rolled_back_service_is_no_success() {
        use DeploymentRolloutState::{Completed, Failed, InProgress};
        let back = |state| deployment("old", "PRIMARY", "web:7", Some(state));
        let replaced = |settled| Rollout::Replaced { by: "web:7".to_owned(), settled };
        assert_eq!(rollout(vec![back(Completed)]), replaced(true));
        let ours = |state| deployment("ours", "ACTIVE", "web:8", Some(state));
        assert_eq!(rollout(vec![back(InProgress), ours(InProgress)]), replaced(false));
        assert!(matches!(rollout(vec![back(InProgress), ours(Failed)]), Rollout::Failed { .. }));
    }

    #[test]
    fn the_same_definition_deployed_anew_counts() {
        use DeploymentRolloutState::Completed;
        let anew = deployment("anew", "PRIMARY", "web:8", Some(Completed));
        assert_eq!(rollout(vec![anew.clone()]), Rollout::Completed);
        let ours = deployment("ours", "ACTIVE", "web:8", Some(DeploymentRolloutState::InProgress));
        assert_eq!(rollout(vec![anew, ours]), Rollout::Completed);
    }
}
