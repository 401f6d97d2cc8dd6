//! The log of an instance's scripts: kept as a file, told to the observer, and its newest lines for diagnostics.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use penstock_model::plain;
use penstock_model::time::Timestamp;

use crate::observer::Observer;

/// Less than this many bytes of the newest whole lines go into diagnostics (the agent's limit).
const TAIL_BYTES: usize = 2048;

/// Where lines of one instance's deployment go. Clones write to the same log.
#[derive(Clone)]
pub(crate) struct ScriptLog {
    instance: Arc<str>,
    observer: Arc<dyn Observer>,
    file: Arc<File>,
    tail: Arc<Mutex<VecDeque<String>>>,
}

impl ScriptLog {
    /// Appends to the file at `path`.
    pub(crate) fn open(path: &Path, instance: &str, observer: Arc<dyn Observer>) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Self { instance: instance.into(), observer, file: Arc::new(file), tail: Arc::default() })
    }

    /// A line of the log; control characters are taken out.
    pub(crate) fn line(&self, text: &[u8]) {
        let text = clean(text);
        self.observer.line(Some(&self.instance), &text);
        let stamp = now().to_string();
        let stamp = stamp.get(..19).unwrap_or(&stamp).replacen('T', " ", 1);
        // A log that cannot be written, on a full disk say, is no reason to fail a deployment.
        let _unwritten = (&*self.file).write_all(format!("{stamp} {text}\n").as_bytes());
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.push_back(text);
        while tail.iter().map(|line| line.len() + 1).sum::<usize>() >= TAIL_BYTES {
            tail.pop_front();
        }
    }

    /// A line that no script wrote.
    pub(crate) fn note(&self, text: &str) {
        self.line(text.as_bytes());
    }

    /// Forgets the newest lines: diagnostics show those of one event.
    pub(crate) fn begin_event(&self) {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The newest whole lines, less than 2048 bytes.
    pub(crate) fn tail(&self) -> String {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The text as one harmless line with its tabs; bytes that are no UTF-8 become U+FFFD.
pub(crate) fn clean(bytes: &[u8]) -> String {
    plain::block(&String::from_utf8_lossy(bytes)).replace('\n', " ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;

    #[test]
    fn terminals_are_safe() {
        assert_eq!(clean(b"\x1b[31mred\x1b[0m\x07\tx\r\xff"), "red\tx \u{fffd}");
        assert_eq!(clean(b"\x1b[31"), "");
    }

    #[test]
    fn the_tail_holds_whole_lines_below_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scripts.log");
        let log = ScriptLog::open(&path, "a", Arc::new(Silent)).unwrap();
        for number in 0..1000 {
            log.note(&format!("line {number}"));
        }
        let tail = log.tail();
        assert!(tail.len() < TAIL_BYTES && tail.ends_with("line 999") && tail.starts_with("line "));
        assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 1000);
        log.note(&"x".repeat(5000));
        assert_eq!(log.tail(), "");
    }
}
