//! Build caches that nobody has used for a while.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use penstock_model::time::Timestamp;

/// For how long an entry is kept after it was last written or restored, which sets the time of its folder.
pub(super) const UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);

/// Removes the entries `<caches>/<project>/<version>/<entry>` that have not been used, and folders without any.
pub(super) fn clean_up(caches: &Path, now: Timestamp) -> io::Result<()> {
    for project in folders(caches)? {
        for version in folders(&project)? {
            for entry in folders(&version)? {
                let Some(metadata) = found(fs::metadata(&entry))? else { continue };
                if now.since(super::written_at(&metadata)?) > UNUSED {
                    remove(&entry)?;
                }
            }
            remove_empty(&version)?;
        }
        remove_empty(&project)?;
    }
    Ok(())
}

/// A build that looks for it meanwhile finds all of it or nothing: names with a dot are no entries.
fn remove(entry: &Path) -> io::Result<()> {
    let name = entry.file_name().unwrap_or_default().to_string_lossy();
    let aside = entry.with_file_name(format!(".unused-{name}"));
    if name.starts_with('.') {
        return found(fs::remove_dir_all(entry)).map(drop);
    }
    if found(fs::rename(entry, &aside))?.is_some() {
        found(fs::remove_dir_all(&aside))?;
    }
    Ok(())
}

/// A folder that has something in it again stays.
fn remove_empty(folder: &Path) -> io::Result<()> {
    match fs::remove_dir(folder) {
        Err(error) if !matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::NotFound) => {
            Err(error)
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn folders(within: &Path) -> io::Result<Vec<PathBuf>> {
    let Some(entries) = found(fs::read_dir(within))? else { return Ok(vec![]) };
    let mut folders = vec![];
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

/// What is not there any more is no failure.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
