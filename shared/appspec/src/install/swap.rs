//! Puts staged files in place of the previous revision's. Every step may be repeated.

use std::collections::HashSet;

use nix::unistd::{Gid, Uid};

use super::InstallError;
use super::plan::{NewDirectory, Plan};
use crate::beneath::{Folder, Kind};
use crate::durable;
use crate::path::RelativePath;

/// Makes folders, renames files into place, and removes what only the previous installation had.
pub(super) fn swap(folder: &Folder, plan: &Plan, step: &dyn Fn(&str)) -> Result<(), InstallError> {
    let directories: HashSet<&RelativePath> =
        plan.directories.iter().map(|directory| &directory.path).collect();
    let files: HashSet<&RelativePath> = plan.files.iter().map(|file| &file.destination).collect();
    clear_the_way(folder, plan, &directories, &files)?;
    for directory in &plan.directories {
        step("make a folder");
        make(folder, plan, directory)?;
    }
    for file in &plan.files {
        step("rename a file");
        match folder.rename(&file.temporary, &file.destination) {
            // Renamed already, before an interruption.
            Err(error)
                if error.kind() == std::io::ErrorKind::NotFound && is_there(folder, &file.destination) => {}
            result => result.map_err(InstallError::at("replace", &file.destination))?,
        }
    }
    for path in plan.obsolete() {
        step("remove what is obsolete");
        folder.remove(path).map_err(InstallError::at("remove", path))?;
    }
    set_folder_attributes(folder, plan)?;
    make_durable(folder, plan)
}

fn is_there(folder: &Folder, path: &RelativePath) -> bool {
    matches!(folder.kind(path), Ok(Some(_)))
}

/// Removes old files where folders are to be, and old folders, with what they hold, where files are to be.
fn clear_the_way(
    folder: &Folder,
    plan: &Plan,
    directories: &HashSet<&RelativePath>,
    files: &HashSet<&RelativePath>,
) -> Result<(), InstallError> {
    let under_file =
        |path: &RelativePath| path.descent().iter().any(|step| files.contains(step) && step != path);
    for path in plan.previous.iter().rev() {
        let kind = folder.kind(path).map_err(InstallError::at("look at", path))?;
        let folder_for_file = kind == Some(Kind::Directory) && files.contains(path);
        let file_for_folder = kind.is_some_and(|kind| kind != Kind::Directory) && directories.contains(path);
        if folder_for_file || file_for_folder || under_file(path) {
            folder.remove(path).map_err(InstallError::at("remove", path))?;
        }
    }
    Ok(())
}

/// Makes a folder. One that the previous installation had made is kept and gets the mode of a new one.
fn make(folder: &Folder, plan: &Plan, directory: &NewDirectory) -> Result<(), InstallError> {
    let failed = || InstallError::at("make the folder", &directory.path);
    if folder.kind(&directory.path).map_err(failed())? != Some(Kind::Directory) {
        return folder.make_directory(&directory.path).map_err(failed());
    }
    if plan.previous.contains(&directory.path) {
        folder.set_mode(&directory.path, mode_of_new_folders()).map_err(failed())?;
        let (me, mine) = (Uid::effective().as_raw(), Gid::effective().as_raw());
        // Only root can take back what an earlier entry of `permissions` has given away.
        let _taken_back_by_root_only = folder.set_owner(&directory.path, Some(me), Some(mine));
    }
    Ok(())
}

/// What `mkdir` gives; the mask can be asked for without changing it only here.
fn mode_of_new_folders() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    let mask = mask.and_then(|mask| u32::from_str_radix(mask.trim(), 8).ok());
    0o777 & !mask.unwrap_or(0o022)
}

/// Deepest first and last of all, so that a folder which its owner may not enter can still be filled.
fn set_folder_attributes(folder: &Folder, plan: &Plan) -> Result<(), InstallError> {
    for directory in plan.directories.iter().rev() {
        if let Some(attributes) = directory.attributes.and_then(|index| plan.attributes.get(index)) {
            attributes.apply(folder, &directory.path, false)?;
        }
    }
    Ok(())
}

fn make_durable(folder: &Folder, plan: &Plan) -> Result<(), InstallError> {
    let changed: HashSet<RelativePath> = plan.installed().iter().filter_map(RelativePath::parent).collect();
    // A folder that the new mode keeps us from opening stays as durable as the file system makes it.
    let opened: Vec<_> = changed.iter().filter_map(|path| folder.open_directory(path).ok()).collect();
    let failed = |error| InstallError::io("make names durable in", "the instance's folder".as_ref(), error);
    durable::sync_files(&opened).map_err(failed)
}
