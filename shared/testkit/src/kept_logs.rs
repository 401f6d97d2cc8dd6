//! Logs, kept to be looked at.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Subscriber};

/// The logs of one thread, for as long as this is there.
pub struct KeptLogs {
    lines: Lines,
    _here: DefaultGuard,
    _other: Dispatch,
}

impl KeptLogs {
    /// Logs of this thread as the subscriber has them that `make` gives for a writer.
    pub fn of<S: Subscriber + Send + Sync + 'static>(make: impl Fn(Lines) -> S) -> Self {
        let lines = Lines::default();
        // Of a single subscriber it is asked once, by whichever thread logs a line first, whether the line is wanted.
        let other = Dispatch::new(make(Lines::default()));
        Self { _here: tracing::subscriber::set_default(make(lines.clone())), _other: other, lines }
    }

    /// What was logged since this was asked last.
    pub fn text(&self) -> String {
        let lines = std::mem::take(&mut *self.lines.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8_lossy(&lines).into_owned()
    }
}

/// Keeps what is written.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
