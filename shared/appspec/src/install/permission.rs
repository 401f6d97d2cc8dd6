//! Which installed files and folders each entry of `permissions` is about.

use std::collections::HashMap;

use super::InstallError;
use super::attributes::Attributes;
use super::conflict::AfterCleanup;
use super::plan::Plan;
use crate::appspec::PermissionRule;
use crate::beneath::Kind;
use crate::path::RelativePath;
use crate::pattern::Pattern;

/// Whether this machine and this user can set what `rules` ask for.
pub(crate) fn check(rules: &[PermissionRule], ignore_ownership: bool) -> Result<(), InstallError> {
    let mut warned_later = vec![];
    rules.iter().try_for_each(|rule| Attributes::resolve(rule, ignore_ownership, &mut warned_later).map(drop))
}

/// Gives the plan's files and new folders the attributes of the entries that match them.
///
/// What was there before, and what RETAIN has left, is never matched; nor is the object of an entry itself, if it is
/// a folder (AWS `CodeDeploy`'s agent, application specification).
pub(super) fn assign(
    plan: &mut Plan,
    rules: &[PermissionRule],
    view: &AfterCleanup<'_>,
    ignore_ownership: bool,
    warnings: &mut Vec<String>,
) -> Result<(), InstallError> {
    let mut taken: HashMap<RelativePath, &PermissionRule> = HashMap::new();
    for (index, rule) in rules.iter().enumerate() {
        plan.attributes.push(Attributes::resolve(rule, ignore_ownership, warnings)?);
        let scope = scope(plan, rule, view)?;
        let mut matched = false;
        for (path, slot) in plan.slots(scope == Some(Scope::File) || rule.files, rule.directories) {
            if !is_match(rule, scope, path) {
                continue;
            }
            if let Some(first) = taken.insert(path.clone(), rule) {
                return Err(InstallError::MatchedTwice {
                    path: path.clone(),
                    first: first.place,
                    second: rule.place,
                });
            }
            *slot = Some(index);
            matched = true;
        }
        if !matched {
            warnings
                .push(format!("the `permissions` entry at {} matches nothing that is installed", rule.place));
        }
        default_acls(plan, rule, index)?;
    }
    Ok(())
}

/// What an entry's object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    File,
    Folder,
}

fn scope(plan: &Plan, rule: &PermissionRule, view: &AfterCleanup<'_>) -> Result<Option<Scope>, InstallError> {
    if plan.files.iter().any(|file| file.destination == rule.object) {
        if rule.pattern != Pattern::All || !rule.except.is_empty() {
            return Err(InstallError::PatternOnFile(rule.place));
        }
        return Ok(rule.files.then_some(Scope::File));
    }
    let planned = plan.directories.iter().any(|directory| directory.path == rule.object);
    let standing = view.kind(&rule.object).map_err(InstallError::at("look at", &rule.object))?;
    Ok((planned || standing == Some(Kind::Directory)).then_some(Scope::Folder))
}

fn is_match(rule: &PermissionRule, scope: Option<Scope>, path: &RelativePath) -> bool {
    match scope {
        None => false,
        Some(Scope::File) => *path == rule.object,
        Some(Scope::Folder) => {
            let child = path.parent().is_some_and(|parent| parent == rule.object);
            let name = path.name().unwrap_or_default();
            let matched = match &rule.pattern {
                Pattern::All => path.starts_with(&rule.object) && *path != rule.object,
                Pattern::Children(glob) => child && glob.matches(name),
            };
            matched && !(child && rule.except.iter().any(|glob| glob.matches(name)))
        }
    }
}

fn default_acls(plan: &Plan, rule: &PermissionRule, index: usize) -> Result<(), InstallError> {
    if !rule.acls.iter().any(crate::acl::AclEntry::is_default) {
        return Ok(());
    }
    match plan.files.iter().find(|file| file.attributes == Some(index)) {
        Some(file) => Err(InstallError::DefaultAclOnFile(rule.place, file.destination.clone())),
        None => Ok(()),
    }
}
