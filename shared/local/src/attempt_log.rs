//! What providers of this machine write into an attempt's log, and what its failure says.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use penstock_app::engine::state::{AttemptError, External};
use penstock_app::port::provider::Ending;
use penstock_model::id::AttemptId;

use crate::logs::LogFiles;

/// As many last lines of the log go into a failure's message.
const LAST_LINES: usize = 12;

/// An attempt's log, open at its end. Lines are written whole.
pub(crate) struct AttemptLog {
    file: Mutex<File>,
}

impl AttemptLog {
    pub(crate) fn open(logs: &LogFiles, attempt: &AttemptId) -> std::io::Result<Self> {
        Ok(Self { file: Mutex::new(logs.append(attempt)?) })
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

    /// Writes bytes as they are.
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(bytes) {
            tracing::warn!("writing an attempt's log failed: {error}");
        }
    }
}

/// The failure of an attempt whose log says more: its last lines, and where the rest is.
pub(crate) fn failure(
    logs: &LogFiles,
    attempt: &AttemptId,
    code: &str,
    what: &str,
    external: Option<External>,
) -> Ending {
    let last = logs.last_lines(attempt, LAST_LINES).unwrap_or_default();
    failure_with(logs, attempt, code, what, &last, external)
}

/// The same, where the lines that tell of it are not the log's last.
pub(crate) fn failure_with(
    logs: &LogFiles,
    attempt: &AttemptId,
    code: &str,
    what: &str,
    last: &[String],
    external: Option<External>,
) -> Ending {
    let mut message = what.to_owned();
    let last = &last[last.len().saturating_sub(LAST_LINES)..];
    if !last.is_empty() {
        message.push_str("\nthe last lines of the log:");
        for line in last {
            message.push_str("\n  ");
            message.push_str(&line);
        }
    }
    message.push_str(&format!("\nthe whole log: {}", logs.path(attempt).display()));
    Ending::Failed { error: AttemptError { code: code.into(), message }, external }
}
