//! What providers of this machine write into an attempt's log, and what its failure says.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use penstock_app::engine::state::{AttemptError, ErrorCode, External};
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
