//! The lifecycle events of a deployment, their order, and whose scripts run at each.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A lifecycle event, of any compute platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LifecycleEvent {
    /// Before an instance is taken from its load balancer.
    BeforeBlockTraffic,
    /// Reserved: the instance is taken from its load balancer.
    BlockTraffic,
    /// After an instance was taken from its load balancer.
    AfterBlockTraffic,
    /// The old revision is to stop.
    ApplicationStop,
    /// Reserved: the revision is unpacked.
    DownloadBundle,
    /// Before files are installed.
    BeforeInstall,
    /// Reserved on instances: files are installed.
    Install,
    /// After files were installed.
    AfterInstall,
    /// ECS: after the test listener serves the replacement.
    AfterAllowTestTraffic,
    /// The new revision is to start.
    ApplicationStart,
    /// The new revision is to be checked.
    ValidateService,
    /// Before traffic reaches the new revision.
    BeforeAllowTraffic,
    /// Reserved: traffic is let through.
    AllowTraffic,
    /// After traffic reaches the new revision.
    AfterAllowTraffic,
}

use LifecycleEvent as E;

/// An in-place deployment without a load balancer, in order (AWS CodeDeploy user guide, lifecycle event hooks).
pub const IN_PLACE: [LifecycleEvent; 7] = [
    E::ApplicationStop,
    E::DownloadBundle,
    E::BeforeInstall,
    E::Install,
    E::AfterInstall,
    E::ApplicationStart,
    E::ValidateService,
];

const ALL: [LifecycleEvent; 14] = [
    E::BeforeBlockTraffic,
    E::BlockTraffic,
    E::AfterBlockTraffic,
    E::ApplicationStop,
    E::DownloadBundle,
    E::BeforeInstall,
    E::Install,
    E::AfterInstall,
    E::AfterAllowTestTraffic,
    E::ApplicationStart,
    E::ValidateService,
    E::BeforeAllowTraffic,
    E::AllowTraffic,
    E::AfterAllowTraffic,
];

impl LifecycleEvent {
    /// The event called `name`, in exactly this spelling.
    pub fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|event| event.name() == name)
    }

    /// The name, as in an appspec.
    pub fn name(self) -> &'static str {
        match self {
            E::BeforeBlockTraffic => "BeforeBlockTraffic",
            E::BlockTraffic => "BlockTraffic",
            E::AfterBlockTraffic => "AfterBlockTraffic",
            E::ApplicationStop => "ApplicationStop",
            E::DownloadBundle => "DownloadBundle",
            E::BeforeInstall => "BeforeInstall",
            E::Install => "Install",
            E::AfterInstall => "AfterInstall",
            E::AfterAllowTestTraffic => "AfterAllowTestTraffic",
            E::ApplicationStart => "ApplicationStart",
            E::ValidateService => "ValidateService",
            E::BeforeAllowTraffic => "BeforeAllowTraffic",
            E::AllowTraffic => "AllowTraffic",
            E::AfterAllowTraffic => "AfterAllowTraffic",
        }
    }

    /// Whether an instance's appspec may have scripts for it.
    pub fn scriptable_on_instances(self) -> bool {
        !matches!(
            self,
            E::DownloadBundle | E::Install | E::BlockTraffic | E::AllowTraffic | E::AfterAllowTestTraffic
        )
    }

    /// Whether an in-place deployment without a load balancer passes through it.
    pub fn is_in_place(self) -> bool {
        IN_PLACE.contains(&self)
    }

    /// Whether a Lambda deployment may have a hook for it.
    pub fn hookable_on_lambda(self) -> bool {
        matches!(self, E::BeforeAllowTraffic | E::AfterAllowTraffic)
    }

    /// Whether an ECS deployment may have a hook for it.
    pub fn hookable_on_ecs(self) -> bool {
        self.hookable_on_lambda()
            || matches!(self, E::BeforeInstall | E::AfterInstall | E::AfterAllowTestTraffic)
    }

    /// Whether its scripts are those of the last successful revision instead of the one that is being deployed.
    pub fn runs_previous_revision(self) -> bool {
        matches!(self, E::ApplicationStop | E::BeforeBlockTraffic | E::AfterBlockTraffic)
    }

    /// Whether its failure may be ignored by `ignoreApplicationStopFailures` (`CodeDeploy` API, `CreateDeployment`).
    pub fn failure_may_be_ignored(self) -> bool {
        self.runs_previous_revision()
    }
}

impl fmt::Display for LifecycleEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for event in ALL {
            assert_eq!(LifecycleEvent::named(event.name()), Some(event));
        }
        assert_eq!(LifecycleEvent::named("applicationstop"), None);
    }

    #[test]
    fn reserved_events_take_no_scripts() {
        let scriptable: Vec<_> =
            IN_PLACE.into_iter().filter(|event| event.scriptable_on_instances()).collect();
        assert_eq!(scriptable.len(), 5);
    }
}
