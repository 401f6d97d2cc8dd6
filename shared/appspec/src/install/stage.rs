//! Writes each file beside its destination, complete and durable, without touching what stands there.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::InstallError;
use super::plan::{NewFile, Plan};
use crate::beneath::Folder;
use crate::durable;

/// How many files are open at a time.
const BATCH: usize = 64;

/// Writes all temporary files. On an error some remain: [`discard`] removes them.
pub(super) fn stage(folder: &Folder, plan: &Plan, step: &dyn Fn(&str)) -> Result<(), InstallError> {
    for batch in plan.files.chunks(BATCH) {
        let mut written = vec![];
        for file in batch {
            step("stage a file");
            // What an earlier, interrupted try has left.
            folder.remove(&file.temporary).map_err(InstallError::at("replace", &file.temporary))?;
            written.extend(write(folder, file)?);
            if let Some(attributes) = file.attributes.and_then(|index| plan.attributes.get(index)) {
                attributes.apply(folder, &file.temporary, file.link.is_some())?;
            }
        }
        let sync = |error| InstallError::io("make files durable in", "the instance's folder".as_ref(), error);
        durable::sync_files(&written).map_err(sync)?;
    }
    Ok(())
}

/// Removes temporary files; what cannot be removed does no harm and is overwritten by the next try.
pub(super) fn discard(folder: &Folder, plan: &Plan) {
    for file in &plan.files {
        let _left_behind = folder.remove(&file.temporary);
    }
}

/// Writes a copy with mode, owner and time of the original; a link has nothing to make durable.
fn write(folder: &Folder, file: &NewFile) -> Result<Option<File>, InstallError> {
    let status =
        fs::symlink_metadata(&file.source).map_err(|error| InstallError::io("read", &file.source, error))?;
    let written = match &file.link {
        Some(target) => {
            folder.link(target, &file.temporary).map_err(InstallError::at("write", &file.temporary))?;
            None
        }
        None => Some(copy(folder, file, &status)?),
    };
    let failed = InstallError::at("set the time of", &file.destination);
    folder.set_modified(&file.temporary, status.mtime(), status.mtime_nsec()).map_err(failed)?;
    Ok(written)
}

fn copy(folder: &Folder, file: &NewFile, status: &fs::Metadata) -> Result<File, InstallError> {
    let mut original =
        File::open(&file.source).map_err(|error| InstallError::io("read", &file.source, error))?;
    let failed = || InstallError::at("write", &file.destination);
    let mut copy = folder.create(&file.temporary).map_err(failed())?;
    io::copy(&mut original, &mut copy).map_err(failed())?;
    let made = copy.metadata().map_err(failed())?;
    if (made.uid(), made.gid()) != (status.uid(), status.gid()) {
        // As `cp -p`: only root can keep somebody else's files somebody else's.
        let _kept_by_root_only = folder.set_owner(&file.temporary, Some(status.uid()), Some(status.gid()));
    }
    copy.set_permissions(fs::Permissions::from_mode(status.mode() & 0o7777)).map_err(failed())?;
    Ok(copy)
}
