//! `deployment-groups.yml`: the instances of each application's deployment groups, which are folders here.
//!
//! ```yaml
//! applications:
//!   web:
//!     production:
//!       instances:            # names, or names with a folder; a relative one lies in the state folder
//!         - blue
//!         - {name: green, root: /srv/green}
//!       deploymentConfig: CodeDeployDefault.HalfAtATime   # or HOST_COUNT=1, FLEET_PERCENT=75; default OneAtATime
//!       autoRollback: true                  # default: true
//!       fileExistsBehavior: OVERWRITE       # default: DISALLOW
//!       ignoreOwnership: true               # default: false
//!       ignoreApplicationStopFailures: true # default: false
//!       appspec: deploy/appspec.yml         # default: appspec.yml or appspec.yaml
//!       environment: {REGION: here}         # what scripts see beside CodeDeploy's variables
//! ```
//!
//! An instance without a folder is `<dir>/instances/<application>/<group>/<name>`. A group that stands in no file has
//! one instance, called `default`.

use std::path::{Path, PathBuf};

use penstock_appspec::appspec::FileExistsBehavior;
use penstock_appspec::{Group, Instance, MinimumHealthy};
use penstock_model::document::Node;

use crate::machine_files::{FileError, Found, MachineFiles};

/// The file's name.
pub const FILE: &str = "deployment-groups.yml";

/// A deployment group of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentGroup {
    /// Its instances.
    pub instances: Vec<Instance>,
    /// How many must stay healthy.
    pub minimum_healthy: MinimumHealthy,
    /// Whether a failed deployment brings the last good revision back.
    pub auto_rollback: bool,
    /// What becomes of files in the way.
    pub file_exists_behavior: FileExistsBehavior,
    /// Turns what this user may not set into warnings.
    pub ignore_ownership: bool,
    /// Goes on when the old revision's stop scripts fail.
    pub ignore_application_stop_failures: bool,
    /// The appspec's name in the revision.
    pub appspec: Option<String>,
    /// What scripts see.
    pub environment: Vec<(String, String)>,
}

/// Reads the group `group` from the machine's files; the default one if it stands in none.
///
/// # Errors
/// [`FileError`] with the place of the mistake.
pub fn find(files: &MachineFiles, dir: &Path, group: &Group) -> Result<DeploymentGroup, FileError> {
    let folder = dir.join("instances").join(&group.application).join(&group.name);
    let default = || DeploymentGroup {
        instances: vec![instance(&folder, "default")],
        minimum_healthy: MinimumHealthy::default(),
        auto_rollback: true,
        file_exists_behavior: FileExistsBehavior::Disallow,
        ignore_ownership: false,
        ignore_application_stop_failures: false,
        appspec: None,
        environment: vec![],
    };
    let Some(found) = files.find(FILE)? else { return Ok(default()) };
    let node = found.root.get("applications").and_then(|all| all.get(&group.application)?.get(&group.name));
    match node {
        Some(node) => read(&found, node, dir, &folder, default()),
        None => Ok(default()),
    }
}

fn read(
    found: &Found,
    node: &Node,
    dir: &Path,
    folder: &Path,
    mut group: DeploymentGroup,
) -> Result<DeploymentGroup, FileError> {
    const KEYS: &str = "instances, deploymentConfig, autoRollback, fileExistsBehavior, ignoreOwnership, \
        ignoreApplicationStopFailures, appspec, environment";
    for (key, value) in found.entries(node)? {
        match key {
            "instances" => {
                group.instances = found
                    .items(value)?
                    .iter()
                    .map(|item| read_instance(found, item, dir, folder))
                    .collect::<Result<_, _>>()?;
            }
            "deploymentConfig" => {
                let config: Result<MinimumHealthy, _> = found.text(value)?.parse();
                group.minimum_healthy = config.map_err(|error| found.invalid(value, error.to_string()))?;
            }
            "autoRollback" => group.auto_rollback = found.flag(value)?,
            "fileExistsBehavior" => group.file_exists_behavior = behavior(found, value)?,
            "ignoreOwnership" => group.ignore_ownership = found.flag(value)?,
            "ignoreApplicationStopFailures" => group.ignore_application_stop_failures = found.flag(value)?,
            "appspec" => group.appspec = Some(found.text(value)?.to_owned()),
            "environment" => group.environment = found.texts(value)?,
            other => return Err(found.unknown(value, other, KEYS)),
        }
    }
    Ok(group)
}

fn read_instance(found: &Found, node: &Node, dir: &Path, folder: &Path) -> Result<Instance, FileError> {
    if let Some(name) = node.text() {
        return Ok(instance(folder, name));
    }
    let name = node.get("name").ok_or_else(|| found.invalid(node, "an instance needs a `name`"))?;
    let name = found.text(name)?;
    match node.get("root") {
        None => Ok(instance(folder, name)),
        Some(root) => Ok(Instance { name: name.into(), root: dir.join(found.text(root)?) }),
    }
}

fn instance(folder: &Path, name: &str) -> Instance {
    let root: PathBuf = folder.join(name);
    Instance { name: name.into(), root }
}

fn behavior(found: &Found, node: &Node) -> Result<FileExistsBehavior, FileError> {
    match found.text(node)? {
        "DISALLOW" => Ok(FileExistsBehavior::Disallow),
        "OVERWRITE" => Ok(FileExistsBehavior::Overwrite),
        "RETAIN" => Ok(FileExistsBehavior::Retain),
        _ => Err(found.invalid(node, "write DISALLOW, OVERWRITE or RETAIN")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> Group {
        Group { application: "web".into(), name: "production".into() }
    }

    #[test]
    fn a_group_in_no_file_has_one_instance() {
        let dir = tempfile::tempdir().unwrap();
        let found = find(&MachineFiles::new(dir.path(), None), dir.path(), &group()).unwrap();
        let root = dir.path().join("instances/web/production/default");
        assert_eq!(found.instances, [Instance { name: "default".into(), root }]);
    }

    #[test]
    fn a_group_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let text = "applications: {web: {production: {instances: [a, {name: b, root: srv/b}], deploymentConfig: AllAtOnce}}}\n";
        std::fs::write(dir.path().join(FILE), text).unwrap();
        let found = find(&MachineFiles::new(dir.path(), None), dir.path(), &group()).unwrap();
        assert_eq!(found.instances[1].root, dir.path().join("srv/b"));
        assert_eq!(found.minimum_healthy, MinimumHealthy::AllAtOnce);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join(FILE),
            "applications:\n  web:\n    production:\n      rollback: yes\n",
        )
        .unwrap();
        let error = find(&MachineFiles::new(dir.path(), None), dir.path(), &group()).unwrap_err().to_string();
        assert!(error.contains("yml:4:17") && error.contains("`rollback`"), "{error}");
    }
}
