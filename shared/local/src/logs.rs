//! The attempts' logs: `<dir>/logs/<execution>/<stage>.<action>.<number>.log`, dots of the stage's name as `~`.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use penstock_app::port::PortError;
use penstock_app::port::logs::Logs;
use penstock_model::id::AttemptId;
use penstock_model::plain;

use crate::room;

/// The most that a tail looks at.
const TAIL: u64 = 64 << 10;

/// The attempts' logs as files.
#[derive(Debug, Clone)]
pub struct LogFiles {
    root: PathBuf,
}

impl LogFiles {
    /// The logs below `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The attempt's log file.
    pub fn path(&self, attempt: &AttemptId) -> PathBuf {
        // Names may hold dots but no `~`: so the first dot always ends the stage, and no two attempts share a file.
        let stage = attempt.stage.as_str().replace('.', "~");
        let file = format!("{stage}.{}.{}.log", attempt.action, attempt.number);
        self.root.join(attempt.execution.as_str()).join(file)
    }

    /// Every log: its attempt, its file below the folder of all logs, and what is known of that.
    pub(crate) fn all(&self) -> io::Result<Vec<(AttemptId, PathBuf, Metadata)>> {
        let Some(executions) = absent(fs::read_dir(&self.root))? else { return Ok(vec![]) };
        let mut all = vec![];
        for execution in executions {
            let execution = execution?;
            let Ok(files) = fs::read_dir(execution.path()) else { continue };
            for file in files {
                let file = file?;
                let (folder, name) = (execution.file_name(), file.file_name());
                if let Some(attempt) = attempt(&folder.to_string_lossy(), &name.to_string_lossy()) {
                    all.push((attempt, Path::new(&folder).join(&name), file.metadata()?));
                }
            }
        }
        Ok(all)
    }

    /// Removes a file of [`Self::all`], and with the last one the execution's folder.
    pub(crate) fn remove(&self, file: &Path) -> io::Result<()> {
        let path = self.root.join(file);
        absent(fs::remove_file(&path))?;
        // It stays if there are other logs in it.
        let _ = fs::remove_dir(path.parent().unwrap_or(&self.root));
        Ok(())
    }

    /// Opens the attempt's log to write at its end.
    ///
    /// # Errors
    /// As creating folders and files gives them.
    pub fn append(&self, attempt: &AttemptId) -> io::Result<File> {
        self.opened(attempt).map_err(room::needed_in(&self.root))
    }

    fn opened(&self, attempt: &AttemptId) -> io::Result<File> {
        let path = self.path(attempt);
        let open = || OpenOptions::new().create(true).append(true).open(&path);
        match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
                open()
            }
            opened => opened,
        }
    }

    /// The last lines of the attempt's log, at most 64 KiB; none if there is no log.
    ///
    /// # Errors
    /// As reading files gives them.
    pub fn last_lines(&self, attempt: &AttemptId, lines: usize) -> io::Result<Vec<String>> {
        let Some(mut file) = existing(&self.path(attempt))? else { return Ok(vec![]) };
        let length = file.metadata()?.len();
        let start = length.saturating_sub(TAIL);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = vec![];
        file.take(TAIL).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let mut all: Vec<&str> = text.lines().collect();
        if start > 0 && all.len() > 1 {
            all.remove(0);
        }
        Ok(all[all.len().saturating_sub(lines)..].iter().map(|line| plain::line(line)).collect())
    }
}

fn existing(path: &Path) -> io::Result<Option<File>> {
    absent(File::open(path))
}

fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The attempt whose log is called `file`; the reverse of [`LogFiles::path`].
fn attempt(execution: &str, file: &str) -> Option<AttemptId> {
    let (stage, rest) = file.strip_suffix(".log")?.split_once('.')?;
    let (action, number) = rest.rsplit_once('.')?;
    Some(AttemptId {
        execution: execution.parse().ok()?,
        stage: stage.replace('~', ".").parse().ok()?,
        action: action.parse().ok()?,
        number: number.parse().ok()?,
    })
}

#[async_trait]
impl Logs for LogFiles {
    async fn read(&self, attempt: &AttemptId, offset: u64, limit: usize) -> Result<Bytes, PortError> {
        let path = self.path(attempt);
        let read = move || -> io::Result<Bytes> {
            let Some(mut file) = existing(&path)? else { return Ok(Bytes::new()) };
            file.seek(SeekFrom::Start(offset))?;
            let mut bytes = vec![];
            file.take(limit as u64).read_to_end(&mut bytes)?;
            Ok(bytes.into())
        };
        blocking(read).await
    }

    async fn tail(&self, attempt: &AttemptId, lines: usize) -> Result<Vec<String>, PortError> {
        let (this, attempt) = (self.clone(), attempt.clone());
        blocking(move || this.last_lines(&attempt, lines)).await
    }

    fn location(&self, attempt: &AttemptId) -> String {
        self.path(attempt).display().to_string()
    }
}

async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, PortError> {
    let failed = |error: &dyn std::fmt::Display| PortError::transient(format!("read a log: {error}"));
    tokio::task::spawn_blocking(read).await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_attempts_share_a_file() {
        let logs = LogFiles::new(Path::new("logs"));
        let path = |text: &str| logs.path(&text.parse().unwrap());
        let execution = "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607";
        let (one, other) = (format!("{execution}/a.b/c/1"), format!("{execution}/a/b.c/1"));
        assert_ne!(path(&one), path(&other));
    }

    #[test]
    fn the_attempt_is_read_from_the_files_name() {
        let logs = LogFiles::new(Path::new("logs"));
        for text in ["a.b/c/1", "a/b.c/12", "Build/Unit/3"] {
            let whole: AttemptId = format!("2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/{text}").parse().unwrap();
            let path = logs.path(&whole);
            assert_eq!(
                attempt(whole.execution.as_str(), path.file_name().unwrap().to_str().unwrap()),
                Some(whole)
            );
        }
        assert_eq!(attempt("2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607", "notes.txt"), None);
    }
}
