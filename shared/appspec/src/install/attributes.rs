//! Owner, group, mode and acls, looked up and found permissible before anything is changed.

use std::path::Path;
use std::process::Command;

use nix::unistd::{Gid, Group, Uid, User, getgroups};
use serde::{Deserialize, Serialize};

use super::InstallError;
use crate::appspec::PermissionRule;
use crate::beneath::Folder;
use crate::path::RelativePath;

/// What one entry of `permissions` sets, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Attributes {
    mode: Option<u32>,
    owner: Option<u32>,
    group: Option<u32>,
    acls: Vec<String>,
}

impl Attributes {
    /// Looks up the names of `rule`; what this user may not set fails, or is left out with a warning.
    pub(super) fn resolve(
        rule: &PermissionRule,
        ignore_ownership: bool,
        warnings: &mut Vec<String>,
    ) -> Result<Self, InstallError> {
        if rule.context {
            return Err(InstallError::Context(rule.place));
        }
        let mut allow = |result: Result<Option<u32>, String>| match result {
            Ok(id) => Ok(id),
            Err(message) if ignore_ownership => {
                warnings.push(format!(
                    "{message} (`permissions` entry at {}); ignored, as the group asks",
                    rule.place
                ));
                Ok(None)
            }
            Err(message) => Err(InstallError::Ownership(message, rule.place)),
        };
        let owner = allow(rule.owner.as_deref().map(owner).transpose())?;
        let group = allow(rule.group.as_deref().map(group).transpose())?;
        let missing = !rule.acls.is_empty() && !has_setfacl();
        let no_acls = "this machine has no setfacl, which `acls` need; install the acl package".to_owned();
        allow(if missing { Err(no_acls) } else { Ok(None) })?;
        let acls = if missing { vec![] } else { rule.acls.iter().map(ToString::to_string).collect() };
        Ok(Self { mode: rule.mode.map(crate::mode::Mode::bits), owner, group, acls })
    }

    /// Sets mode, acls and owner in this order, as the agent does; of a link only the owner.
    pub(super) fn apply(&self, folder: &Folder, path: &RelativePath, link: bool) -> Result<(), InstallError> {
        if let Some(mode) = self.mode.filter(|_| !link) {
            folder.set_mode(path, mode).map_err(InstallError::at("set the mode of", path))?;
        }
        if !self.acls.is_empty() && !link {
            self.set_acls(folder, path)?;
        }
        if self.owner.is_some() || self.group.is_some() {
            let failed = InstallError::at("set the owner of", path);
            folder.set_owner(path, self.owner, self.group).map_err(failed)?;
        }
        Ok(())
    }

    /// Replaces all entries but the base ones, which the mode gives.
    fn set_acls(&self, folder: &Folder, path: &RelativePath) -> Result<(), InstallError> {
        let fail = |message: String| InstallError::Acl { path: path.clone(), message };
        let parent = path.parent().unwrap_or_default();
        let (_held, directory) = folder.proc_path(&parent).map_err(|error| fail(error.to_string()))?;
        let output = Command::new("setfacl")
            .args(["-b", "-m", &self.acls.join(","), "--"])
            .arg(Path::new(".").join(path.name().unwrap_or_default()))
            .current_dir(directory)
            .output()
            .map_err(|error| fail(error.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        Err(fail(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}

fn has_setfacl() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join("setfacl").is_file())
}

fn owner(name: &str) -> Result<u32, String> {
    let found = match User::from_name(name) {
        Ok(Some(user)) => Some(user.uid.as_raw()),
        Ok(None) | Err(_) => name.parse().ok(),
    };
    let uid = found.ok_or_else(|| format!("this machine has no user `{name}`"))?;
    let me = Uid::effective();
    if me.is_root() || me.as_raw() == uid {
        return Ok(uid);
    }
    Err(format!("only root may give files to `{name}`"))
}

fn group(name: &str) -> Result<u32, String> {
    let found = match Group::from_name(name) {
        Ok(Some(group)) => Some(group.gid.as_raw()),
        Ok(None) | Err(_) => name.parse().ok(),
    };
    let gid = found.ok_or_else(|| format!("this machine has no group `{name}`"))?;
    let mine = || {
        getgroups().unwrap_or_default().into_iter().chain([Gid::effective()]).any(|own| own.as_raw() == gid)
    };
    if Uid::effective().is_root() || mine() {
        return Ok(gid);
    }
    Err(format!("only root, or a member, may give files to the group `{name}`"))
}
