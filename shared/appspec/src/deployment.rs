//! What is to be deployed, where, and how carefully.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use penstock_process::Lineage;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::appspec::FileExistsBehavior;
use crate::fleet::MinimumHealthy;
use crate::observer::Observer;
use crate::stop::StopSignal;

/// A deployment of one revision to the instances of a deployment group, in place.
#[derive(Clone)]
pub struct Deployment {
    /// Its id. The same id again goes on with, or repeats the result of, the same deployment.
    pub id: DeploymentId,
    /// Whose instances.
    pub group: Group,
    /// The unpacked bundle. It is copied before anything else happens.
    pub revision_dir: PathBuf,
    /// The appspec's name in the revision, if it is not `appspec.yml` or `appspec.yaml`.
    pub appspec_name: Option<String>,
    /// The instances, in the order in which they are deployed to.
    pub instances: Vec<Instance>,
    /// How many must stay healthy.
    pub minimum_healthy: MinimumHealthy,
    /// What becomes of files in the way, unless the appspec says; DISALLOW is `CodeDeploy`'s default.
    pub file_exists_behavior: FileExistsBehavior,
    /// Turns `owner`, `group`, `acls` and `runas` that this user may not set into warnings.
    pub ignore_ownership: bool,
    /// Lets a deployment go on when the old revision's `ApplicationStop` scripts fail.
    pub ignore_application_stop_failures: bool,
    /// When the last good revision is brought back.
    pub rollback: RollbackPolicy,
    /// What scripts inherit beside the deployment's own variables: `PATH`, `HOME`, and for a GitHub revision
    /// `BUNDLE_COMMIT`. Nothing else reaches them.
    pub environment: Vec<(OsString, OsString)>,
    /// Where groups, instances and revisions are remembered; one folder for all groups.
    pub state_dir: PathBuf,
    /// Who is told.
    pub observer: Arc<dyn Observer>,
    /// What asks the deployment to stop.
    pub stop: StopSignal,
    /// The lock that scripts hold until their last process has ended; absent: the group's own.
    pub lineage: Option<Lineage>,
}

/// An instance: a folder that stands for a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its name, unique in the group: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// Its folder, beneath which every destination lies. It is made if it is missing.
    pub root: PathBuf,
}

/// When a deployment that did not succeed is rolled back (`CodeDeploy` API, `AutoRollbackConfiguration`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RollbackPolicy {
    /// When it failed (`DEPLOYMENT_FAILURE`).
    pub on_failure: bool,
}

/// A deployment group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The application's name.
    pub application: String,
    /// The group's name in the application.
    pub name: String,
}

impl Group {
    /// The group's id, in the form of a UUID; the same for the same names.
    pub fn id(&self) -> String {
        let digest = Sha256::new()
            .chain_update(&self.application)
            .chain_update([0])
            .chain_update(&self.name)
            .finalize();
        let hex = hex::encode(digest);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32])
    }
}

/// Who started a deployment (`CodeDeploy` API, `DeploymentCreator`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Creator {
    /// An action or a person.
    #[serde(rename = "user")]
    User,
    /// An automatic rollback.
    #[serde(rename = "codeDeployRollback")]
    Rollback,
}

/// A deployment's id: `d-` and nine capital letters or digits, as `CodeDeploy` gives them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeploymentId(String);

/// The text is no [`DeploymentId`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no deployment id; one is `d-` and nine capital letters or digits")]
pub struct InvalidDeploymentId(String);

impl DeploymentId {
    /// Checks the form of `text`.
    ///
    /// # Errors
    /// [`InvalidDeploymentId`].
    pub fn new(text: &str) -> Result<Self, InvalidDeploymentId> {
        let valid = text.strip_prefix("d-").is_some_and(|rest| {
            rest.len() == 9 && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        });
        if valid { Ok(Self(text.into())) } else { Err(InvalidDeploymentId(text.chars().take(40).collect())) }
    }

    /// The id that follows from `seed`, such as an attempt's token: the same seed gives the same deployment.
    pub fn derive(seed: &str) -> Self {
        const ALPHABET: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let digest = Sha256::digest(seed);
        let letters =
            digest.iter().take(9).map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
        Self(format!("d-{}", letters.collect::<String>()))
    }

    /// The deployment that rolls this one back.
    pub fn rollback(&self) -> Self {
        Self::derive(&format!("{self}/rollback"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DeploymentId {
    type Error = InvalidDeploymentId;

    fn try_from(text: String) -> Result<Self, InvalidDeploymentId> {
        Self::new(&text)
    }
}

impl From<DeploymentId> for String {
    fn from(id: DeploymentId) -> Self {
        id.0
    }
}

impl fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_form_and_follow_from_their_seed() {
        let id = DeploymentId::derive("p-1");
        assert_eq!(DeploymentId::new(id.as_str()).unwrap(), id);
        assert_eq!(DeploymentId::derive("p-1"), id);
        assert_ne!(id.rollback(), id);
        for text in ["d-", "d-abcdefghi", "../../etc", "d-ABCDEFGHIJ"] {
            assert!(DeploymentId::new(text).is_err());
        }
    }

    #[test]
    fn a_group_is_known_by_both_names() {
        let group =
            |application: &str, name: &str| Group { application: application.into(), name: name.into() };
        assert_ne!(group("ab", "c").id(), group("a", "bc").id());
        assert_eq!(group("a", "b").id().len(), 36);
    }
}
