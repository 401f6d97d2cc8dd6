//! What providers of this machine write into an attempt's log, and what its failure says.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use penstock_app::engine::state::{AttemptError, ErrorCode, External};
use penstock_app::port::provider::Ending;
use penstock_model::id::AttemptId;

use crate::logs::LogFiles;
use crate::room;

/// As many last lines of the log go into a failure's message.
const LAST_LINES: usize = 12;

/// An attempt's log, open at its end. Lines are written whole.
pub(crate) struct AttemptLog {
    path: PathBuf,
    open: Mutex<Open>,
}

struct Open {
    file: File,
    /// Something could not be written since the last line that was.
    lacking: bool,
}

/// What stands in a log where lines are missing.
const LACKING: &str = "\n(lines are missing here: the log could not be written)\n";

impl AttemptLog {
    pub(crate) fn open(logs: &LogFiles, attempt: &AttemptId) -> io::Result<Self> {
        let open = Mutex::new(Open { file: logs.append(attempt)?, lacking: false });
        Ok(Self { path: logs.path(attempt), open })
    }

    /// Writes a line, control characters left out. A full disk must not end the work itself.
    pub(crate) fn line(&self, text: &str) {
        self.lines(&[text]);
    }

    /// Writes several lines at once.
    pub(crate) fn lines<T: AsRef<str>>(&self, lines: &[T]) {
        let mut text = String::new();
        for line in lines {
            text.extend(line.as_ref().chars().filter(|c| !c.is_control() || *c == '\t'));
            text.push('\n');
        }
        self.bytes(text.as_bytes());
    }

    /// Writes bytes as they are. That it fails is said once, and in the log as soon as there is room again.
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        let open = &mut *self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let gap = if open.lacking { LACKING.as_bytes() } else { &[] };
        let written = open.file.write_all(gap).and_then(|()| open.file.write_all(bytes));
        if let Err(error) = &written
            && !open.lacking
        {
            let error = room::needed_for(&self.path)(io::Error::new(error.kind(), error.to_string()));
            tracing::warn!("lines will be missing in {}: {error}", self.path.display());
        }
        open.lacking = written.is_err();
    }
}

/// The failure of an attempt whose log says more: its last lines, and where the rest is.
pub(crate) fn failure(
    logs: &LogFiles,
    attempt: &AttemptId,
    code: ErrorCode,
    what: &str,
    external: Option<External>,
) -> Ending {
    let last = logs.last_lines(attempt, LAST_LINES).unwrap_or_default();
    let message = with_lines(what, "the last lines of the log", &last);
    located(logs, attempt, code, message, external)
}

/// The failure that `message` tells of, and where the whole log is.
pub(crate) fn located(
    logs: &LogFiles,
    attempt: &AttemptId,
    code: ErrorCode,
    mut message: String,
    external: Option<External>,
) -> Ending {
    message.push_str(&format!("\nthe whole log: {}", logs.path(attempt).display()));
    Ending::Failed { error: AttemptError { code, message }, external }
}

/// `what` and, if there are any, the last of `lines`, called `name`.
pub(crate) fn with_lines(what: &str, name: &str, lines: &[String]) -> String {
    let mut message = what.to_owned();
    if !lines.is_empty() {
        message.push_str(&format!("\n{name}:"));
    }
    for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
        message.push_str("\n  ");
        message.push_str(line);
    }
    message
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn a_log_says_where_the_disk_was_full() {
        let dir = tempfile::tempdir().unwrap();
        let logs = LogFiles::new(dir.path());
        let attempt: AttemptId = "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Build/Unit/1".parse().unwrap();
        let log = AttemptLog::open(&logs, &attempt).unwrap();
        log.line("before\tthis");
        // A disk without room.
        let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let file = std::mem::replace(&mut log.open.lock().unwrap().file, full);
        log.line("lost");
        log.line("lost too");
        log.open.lock().unwrap().file = file;
        log.line("after");
        log.line("the end");
        let text = std::fs::read_to_string(logs.path(&attempt)).unwrap();
        assert_eq!(text, format!("before\tthis\n{LACKING}after\nthe end\n"));
    }
}
