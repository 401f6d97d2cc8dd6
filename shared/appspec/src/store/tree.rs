//! Copies an unpacked revision.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// Copies `from` to `to` with modes, times and links; `to` is there only when it is complete.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    for leftover in [&partial, &to.to_owned()] {
        match fs::remove_dir_all(leftover) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    for entry in WalkDir::new(from) {
        let entry = entry.map_err(io::Error::other)?;
        let relative = entry.path().strip_prefix(from).map_err(io::Error::other)?;
        copy_one(entry.path(), &partial.join(relative), &entry.metadata().map_err(io::Error::other)?)?;
    }
    fs::rename(partial, to)
}

fn copy_one(from: &Path, to: &Path, status: &fs::Metadata) -> io::Result<()> {
    if status.is_dir() {
        return fs::create_dir_all(to);
    }
    if status.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    if !status.is_file() {
        let message =
            format!("{} is neither a file nor a folder; remove it from the revision", from.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    fs::copy(from, to)?;
    if let Ok(time) = status.modified()
        && status.mode() & 0o200 != 0
    {
        File::options().write(true).open(to)?.set_modified(time)?;
    }
    Ok(())
}

/// Makes everything in `directory` durable.
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    const BATCH: usize = 64;
    let entries: Vec<_> = WalkDir::new(directory)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| !entry.path_is_symlink())
        .collect();
    for batch in entries.chunks(BATCH) {
        let files: Vec<File> = batch.iter().filter_map(|entry| File::open(entry.path()).ok()).collect();
        crate::durable::sync_files(&files)?;
    }
    Ok(())
}
