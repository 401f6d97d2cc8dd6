//! What an installation has put into an instance's folder, and how far one that is under way has come.

use serde::{Deserialize, Serialize};

use crate::deployment::DeploymentId;
use crate::install::Plan;
use crate::path::RelativePath;

/// The last installation, which the next one replaces.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The deployment whose revision is installed: the *last successful install* of the agent's tracking files.
    pub(crate) deployment: Option<DeploymentId>,
    /// What it has put there, folders before what they hold.
    pub(crate) entries: Vec<RelativePath>,
}

/// An installation that is under way. When it is complete its file becomes the [`Manifest`], by a rename: hence
/// the same names for what both have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InstallRecord {
    pub(crate) deployment: DeploymentId,
    /// What will have been put there.
    pub(crate) entries: Vec<RelativePath>,
    pub(crate) phase: Phase,
    pub(crate) plan: Plan,
}

/// How far an installation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Nothing but temporary files is there.
    Staging,
    /// All temporary files are complete; renaming has begun.
    Swapping,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complete_installation_reads_as_a_manifest() {
        let deployment = DeploymentId::derive("x");
        let entries = vec![RelativePath::new("srv").unwrap()];
        let manifest = Manifest { deployment: Some(deployment.clone()), entries: entries.clone() };
        let record = InstallRecord { deployment, entries, phase: Phase::Swapping, plan: Plan::default() };
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), manifest);
    }
}
