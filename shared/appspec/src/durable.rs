//! Files that are either as before or as written, whenever the machine stops.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The edition of the format; a release reads its own and its predecessor's.
const SCHEMA: u32 = 1;

/// What a file holds.
#[derive(Serialize, Deserialize)]
struct Stored<T> {
    schema: u32,
    item: T,
}

/// Writes `value` as JSON beside `path`, makes it durable and renames it.
///
/// When the machine stops right afterwards the file may still be the old one: its name is not synced. That is for
/// [`save_now`].
pub(crate) fn save<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let beside = beside(path);
    let mut file = File::create(&beside)?;
    file.write_all(&encode(value)?)?;
    file.sync_data()?;
    fs::rename(beside, path)
}

/// As [`save`], and the name is durable too.
pub(crate) fn save_now<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    save(path, value)?;
    sync_directory(path.parent().unwrap_or(Path::new(".")))
}

/// As [`save`], but only the death of this program is survived. When the machine stops, the file may be lost.
pub(crate) fn save_lightly<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let beside = beside(path);
    fs::write(&beside, encode(value)?)?;
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
    // What some file systems leave of a file that was not synced when the machine stopped.
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let damaged =
        |what: String| io::Error::new(io::ErrorKind::InvalidData, format!("{} {what}", path.display()));
    let stored: Stored<serde_json::Value> =
        serde_json::from_slice(&bytes).map_err(|error| damaged(format!("is damaged: {error}")))?;
    if stored.schema != SCHEMA {
        return Err(damaged(format!(
            "was written by another release (schema {}); use that one",
            stored.schema
        )));
    }
    serde_json::from_value(stored.item).map(Some).map_err(|error| damaged(format!("is damaged: {error}")))
}

fn encode<T: Serialize>(item: &T) -> io::Result<Vec<u8>> {
    Ok(serde_json::to_vec(&Stored { schema: SCHEMA, item })?)
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
        let threads: Vec<_> = files.chunks(share).map(|share| scope.spawn(move || sync(share))).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread that syncs files ended early")))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;
    use crate::outcome::{EventStatus, Target, TargetStatus};

    #[test]
    fn what_the_first_release_wrote_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("item.json");
        fs::write(
            &path,
            r#"{"schema":1,"item":{"deployment":"d-ABCDEFGH1","entries":["srv","srv/f",[255]]}}"#,
        )
        .unwrap();
        let manifest: Manifest = load(&path).unwrap().unwrap();
        assert_eq!((manifest.entries.len(), manifest.deployment.unwrap().as_str()), (3, "d-ABCDEFGH1"));
        let target = r#"{"schema":1,"item":{"instance":"a","status":"InProgress","events":[
            {"event":"ApplicationStop","status":"Succeeded","scriptsDone":2,"milliseconds":7},
            {"event":"Install","status":"Failed","diagnostics":
                {"errorCode":"UnknownError","scriptName":"","message":"m","logTail":"t"}}]}}"#;
        fs::write(&path, target).unwrap();
        let target: Target = load(&path).unwrap().unwrap();
        assert_eq!((target.status, target.events[1].status), (TargetStatus::InProgress, EventStatus::Failed));
    }

    #[test]
    fn damaged_and_newer_files_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("item.json");
        assert_eq!(load::<Manifest>(&path).unwrap(), None);
        fs::write(&path, [0, 0]).unwrap();
        assert_eq!(load::<Manifest>(&path).unwrap(), None);
        for (text, expected) in
            [("{", "item.json is damaged"), (r#"{"schema":9,"item":{}}"#, "another release")]
        {
            fs::write(&path, text).unwrap();
            let error = load::<Manifest>(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn what_is_saved_replaces_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("item.json");
        save(&path, &1).unwrap();
        save_now(&path, &2).unwrap();
        save_lightly(&path, &3).unwrap();
        assert_eq!(load(&path).unwrap(), Some(3));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
