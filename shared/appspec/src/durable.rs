//! Files that are either as before or as written, whenever the machine stops.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes `value` as JSON beside `path`, makes it durable and renames it.
///
/// When the machine stops right afterwards the file may still be the old one: its name is not synced. That is for
/// [`save_now`].
pub(crate) fn save<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let beside = beside(path);
    let mut file = File::create(&beside)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    file.sync_data()?;
    fs::rename(beside, path)
}

/// As [`save`], and the name is durable too.
pub(crate) fn save_now<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    save(path, value)?;
    sync_directory(path.parent().unwrap_or(Path::new(".")))
}

/// As [`save`], but only the death of this program is survived, not that of the machine.
pub(crate) fn save_lightly<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let beside = beside(path);
    fs::write(&beside, serde_json::to_vec(value)?)?;
    fs::rename(beside, path)
}

fn beside(path: &Path) -> std::path::PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".new");
    path.with_file_name(name)
}

/// Reads what [`save`] wrote; `None` if it never did.
pub(crate) fn load<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} is damaged: {error}", path.display()),
        )
    })
}

/// Makes names in `directory` durable.
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Removes a file that may be missing.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// How many files are made durable at a time: file systems commit them together.
const PARALLEL: usize = 8;

/// Makes `files` durable.
pub(crate) fn sync_files(files: &[File]) -> io::Result<()> {
    let share = files.len().div_ceil(PARALLEL).max(1);
    let sync = |share: &[File]| share.iter().try_for_each(File::sync_all);
    if files.len() <= 1 {
        return sync(files);
    }
    std::thread::scope(|scope| {
        let threads: Vec<_> = files
            .chunks(share)
            .map(|share| scope.spawn(move || sync(share)))
            .collect();
        threads.into_iter().try_for_each(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("a thread that syncs files ended early")))
        })
    })
}
