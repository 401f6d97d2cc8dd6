//! The `Install` event: puts a revision's files into an instance's folder, all of them or none.
//!
//! Four steps, each of which can be repeated: *plan* finds every conflict before anything is changed; *stage* writes
//! each file beside its destination, with its mode, owner and acls, and makes it durable; *swap* renames them all and
//! removes what only the previous revision had; then the new manifest is written. Interrupted while staging, the
//! temporary files are removed; interrupted while swapping, the swap is finished from the recorded plan.
//!
//! `CodeDeploy`'s agent deletes the old files first and finds conflicts later, which leaves neither revision.

mod attributes;
mod conflict;
mod permission;
mod plan;
mod stage;
mod swap;

use std::path::{Path, PathBuf};

use penstock_model::diagnostic::Place;
use thiserror::Error;

use crate::appspec::{FileExistsBehavior, Server};
use crate::beneath::Folder;
use crate::deployment::DeploymentId;
use crate::manifest::{InstallRecord, Phase};
use crate::path::RelativePath;
use crate::store::InstanceStore;
pub(crate) use permission::check as check_permissions;
pub(crate) use plan::Plan;

/// Everything that an installation needs to know.
pub(crate) struct Installation<'a> {
    pub(crate) deployment: &'a DeploymentId,
    pub(crate) spec: &'a Server,
    /// The unpacked revision.
    pub(crate) revision: &'a Path,
    pub(crate) folder: &'a Folder,
    pub(crate) store: &'a InstanceStore,
    pub(crate) behavior: FileExistsBehavior,
    pub(crate) ignore_ownership: bool,
    /// Called before each step that a crash may separate from the next.
    pub(crate) step: &'a dyn Fn(&str),
}

/// Why nothing, or not everything, was installed.
#[derive(Debug, Error)]
pub(crate) enum InstallError {
    #[error("the source {0} is not in the revision; correct `source` or add the file")]
    SourceMissing(RelativePath),
    #[error("{} leads out of the revision through a symbolic link; copy the files into the revision", .0.display())]
    SourceLeaves(PathBuf),
    #[error("the symbolic link {} leads back to a folder that holds it; remove it", .0.display())]
    SourceCycle(PathBuf),
    #[error(
        "the revision names more than {0} files, links to folders counted through; remove links or split it"
    )]
    TooManyItems(usize),
    #[error("{} is neither a file nor a folder; remove it from the revision", .0.display())]
    SourceSpecial(PathBuf),
    #[error("{} already exist at the destination: {}; no deployment of this group has put them there. \
             Remove them, or set file_exists_behavior to OVERWRITE or RETAIN", count(*.total), .first.join(", "))]
    Exists { first: Vec<String>, total: usize },
    #[error("{0} is to be a folder, but a file stands there; remove it")]
    NotAFolder(RelativePath),
    #[error("{0} is to be a file, but a folder stands there; remove it")]
    IsAFolder(RelativePath),
    #[error("{0} is a symbolic link, and destinations are not followed through links; make it a folder")]
    ThroughLink(RelativePath),
    #[error("two sources go to {0}; correct `files`")]
    TwoSources(RelativePath),
    #[error("{0} would be both a file and a folder; correct `files`")]
    FileAndFolder(RelativePath),
    #[error(
        "{path} is matched by two entries of `permissions` (at {first} and {second}); narrow one of them"
    )]
    MatchedTwice { path: RelativePath, first: Place, second: Place },
    #[error(
        "the `permissions` entry at {0} names a file, so it takes neither `pattern` nor `except`; remove them"
    )]
    PatternOnFile(Place),
    #[error("the `permissions` entry at {0} sets default acls on the file {1}; add `type: [directory]`")]
    DefaultAclOnFile(Place, RelativePath),
    #[error(
        "the `permissions` entry at {0} asks for an SELinux context, which is not applied here; remove `context`"
    )]
    Context(Place),
    #[error("{0} (`permissions` entry at {1}); correct it, or let the deployment group set ignoreOwnership")]
    Ownership(String, Place),
    #[error("setfacl failed on {path}: {message}")]
    Acl { path: RelativePath, message: String },
    #[error("failed to {what} {}: {error}", .path.display())]
    Io { what: &'static str, path: PathBuf, error: std::io::Error },
}

fn count(total: usize) -> String {
    if total == 1 { "1 file does".into() } else { format!("{total} files") }
}

impl InstallError {
    pub(crate) fn io(what: &'static str, path: &Path, error: std::io::Error) -> Self {
        Self::Io { what, path: path.to_owned(), error }
    }

    fn at(what: &'static str, path: &RelativePath) -> impl FnOnce(std::io::Error) -> Self {
        let path = PathBuf::from(path.to_string());
        move |error| Self::Io { what, path, error }
    }
}

/// What was installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installed {
    pub(crate) files: usize,
    /// How many of the previous revision's files are gone.
    pub(crate) removed: usize,
    pub(crate) warnings: Vec<String>,
}

/// Installs and returns what should be said about it.
pub(crate) fn install(input: &Installation<'_>) -> Result<Installed, InstallError> {
    let record = |error| InstallError::io("record the installation in", input.store.directory(), error);
    let before = input.store.manifest().map_err(record)?;
    let (plan, warnings) = plan::plan(input, &before)?;
    let mut installing = InstallRecord {
        deployment: input.deployment.clone(),
        entries: plan.installed(),
        phase: Phase::Staging,
        plan,
    };
    input.store.save_install(&installing).map_err(record)?;
    (input.step)("staging");
    if let Err(error) = stage::stage(input.folder, &installing.plan, input.step) {
        stage::discard(input.folder, &installing.plan);
        input.store.clear_install().map_err(record)?;
        return Err(error);
    }
    installing.phase = Phase::Swapping;
    (input.step)("staged");
    input.store.save_install(&installing).map_err(record)?;
    finish(input.folder, input.store, &installing, input.step)?;
    let plan = &installing.plan;
    Ok(Installed { files: plan.files.len(), removed: plan.obsolete().count(), warnings })
}

/// What [`recover`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// Nothing was interrupted.
    Nothing,
    /// This deployment's installation had changed nothing yet and was undone.
    Undone(DeploymentId),
    /// This deployment's installation was under way and is now complete.
    Finished(DeploymentId),
}

/// Finishes or undoes an installation that was interrupted.
pub(crate) fn recover(
    folder: &Folder,
    store: &InstanceStore,
    step: &dyn Fn(&str),
) -> Result<Recovery, InstallError> {
    let record = |error| InstallError::io("read the installation's record in", store.directory(), error);
    let Some(installing) = store.install().map_err(record)? else {
        return Ok(Recovery::Nothing);
    };
    match installing.phase {
        Phase::Staging => {
            stage::discard(folder, &installing.plan);
            store.clear_install().map_err(record)?;
            Ok(Recovery::Undone(installing.deployment))
        }
        Phase::Swapping => {
            finish(folder, store, &installing, step)?;
            Ok(Recovery::Finished(installing.deployment))
        }
    }
}

/// Swaps and records the result. If the swap fails half-way, the manifest lists both revisions' files, so that the
/// next deployment, or the rollback, replaces or removes them.
fn finish(
    folder: &Folder,
    store: &InstanceStore,
    record: &InstallRecord,
    step: &dyn Fn(&str),
) -> Result<(), InstallError> {
    let failed = |error| InstallError::io("record the installation in", store.directory(), error);
    let swapped = swap::swap(folder, &record.plan, step);
    step("swapped");
    if swapped.is_ok() {
        return store.complete_install().map_err(failed);
    }
    stage::discard(folder, &record.plan);
    let mut manifest = store.manifest().map_err(failed)?;
    manifest.entries.extend(record.entries.iter().cloned());
    store.save_manifest(&manifest).map_err(failed)?;
    store.clear_install().map_err(failed)?;
    swapped
}
