//! A build's log: commands' output and phase markers, line by line, with secrets masked, in bounded memory.

mod forms;
mod lines;
mod mask;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use lines::Splitter;
pub use mask::MaskError;
pub(crate) use mask::Masker;

/// Where a build's log goes.
pub trait LogSink: Send + Sync {
    /// Takes one line, without its end: valid UTF-8 of at most [`MAX_LINE`] bytes (longer ones come in pieces),
    /// without control characters other than tab.
    fn write_line(&self, line: &str);

    /// Takes several lines, in order.
    fn write_lines(&self, lines: &[String]) {
        lines.iter().for_each(|line| self.write_line(line));
    }
}

/// The longest line in bytes; a longer one is written in pieces.
pub const MAX_LINE: usize = 16 * 1024;
/// So many lines are held at most.
const MOST_HELD: usize = 64;
/// How many of the last lines a failure shows.
const TAIL_LINES: usize = 30;

/// What gives the time; `SystemTime::now` outside tests.
pub type Clock = fn() -> SystemTime;

/// The log of one build.
pub(crate) struct Log {
    sink: Arc<dyn LogSink>,
    masker: Masker,
    splitter: Splitter,
    tail: VecDeque<String>,
    now: Clock,
    masked: Vec<u8>,
    /// Lines that have not been passed on: the build's own come in bursts between its commands.
    held: Vec<String>,
}

impl Drop for Log {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Log {
    pub(crate) fn new(sink: Arc<dyn LogSink>, masker: Masker, now: Clock) -> Self {
        let splitter = Splitter::default();
        Self { sink, masker, splitter, tail: VecDeque::new(), now, masked: Vec::new(), held: Vec::new() }
    }

    /// From here on, other secrets are masked.
    pub(crate) fn mask_with(&mut self, masker: Masker) {
        self.settle();
        self.masker = masker;
    }

    /// What a command has written.
    pub(crate) fn output(&mut self, bytes: &[u8]) {
        self.masker.push(bytes, &mut self.masked);
        self.pass_on();
        self.flush();
    }

    /// Passes on what is held; to be called before the build waits for anything.
    pub(crate) fn flush(&mut self) {
        if !self.held.is_empty() {
            self.sink.write_lines(&self.held);
            self.held.clear();
        }
    }

    fn pass_on(&mut self) {
        let Self { masked, splitter, held, tail, masker, .. } = self;
        splitter.push(masked, |line| {
            // Without the sequences in its midst, such as colours, a secret may have come together.
            let line = masker.mask(line);
            if tail.len() == TAIL_LINES {
                tail.pop_front();
            }
            tail.push_back(line.clone());
            held.push(line);
        });
        masked.clear();
    }

    /// A command has ended: what was held back for want of a line's end is written.
    pub(crate) fn settle(&mut self) {
        self.masker.finish(&mut self.masked);
        if !self.masked.is_empty() || self.splitter.is_within_line() {
            self.masked.push(b'\n');
        }
        self.pass_on();
    }

    /// A line of the build's own, as `CodeBuild` writes it.
    pub(crate) fn marker(&mut self, text: &str) {
        self.settle();
        let mut line = Vec::new();
        self.masker.push(text.trim_end().as_bytes(), &mut line);
        self.masker.finish(&mut line);
        line.push(b'\n');
        let mut prefix = format!("[Container] {} ", stamp((self.now)()));
        Splitter::default().push(&line, |line| {
            self.held.push(format!("{prefix}{}", self.masker.mask(line)));
            prefix.clear();
        });
        if self.held.len() >= MOST_HELD {
            self.flush();
        }
    }

    /// Forgets the last lines, because another command starts.
    pub(crate) fn forget_tail(&mut self) {
        self.tail.clear();
    }

    /// The last lines of output.
    pub(crate) fn tail(&self) -> Vec<String> {
        self.tail.iter().cloned().collect()
    }

    /// `text` as the log would show it.
    pub(crate) fn masked(&self, text: &str) -> String {
        self.masker.mask(text)
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.now)()
    }
}

/// `2025/12/14 22:48:31.261140`, in UTC.
fn stamp(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year}/{month:02}/{day:02} {hour:02}:{minute:02}:{second:02}.{:06}", since.subsec_micros())
}

/// The date that many days after 1970-01-01, by Howard Hinnant's `civil_from_days`.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl LogSink for Lines {
        fn write_line(&self, line: &str) {
            self.0.lock().unwrap().push(line.to_owned());
        }
    }

    fn fixed() -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(1_765_752_511_261_140)
    }

    #[test]
    fn a_secret_with_a_colour_inside_is_masked() {
        let lines = Arc::new(Lines::default());
        let mut log = Log::new(lines.clone(), Masker::new(&["hunter22".to_owned()]).unwrap(), fixed);
        log.output(b"\x1b[01;31m\x1b[Khun\x1b[m\x1b[Kter22\n");
        log.flush();
        assert_eq!(*lines.0.lock().unwrap(), ["***"]);
    }

    #[test]
    fn markers_and_output_keep_their_order() {
        let lines = Arc::new(Lines::default());
        let mut log = Log::new(lines.clone(), Masker::new(&["hunter22".to_owned()]).unwrap(), fixed);
        log.marker("Entering phase BUILD");
        log.output(b"password hun");
        log.output(b"ter22\nno end");
        log.marker("Running command echo hunter22\necho two");
        log.flush();
        let expected = [
            "[Container] 2025/12/14 22:48:31.261140 Entering phase BUILD",
            "password ***",
            "no end",
            "[Container] 2025/12/14 22:48:31.261140 Running command echo ***",
            "echo two",
        ];
        assert_eq!(*lines.0.lock().unwrap(), expected);
        assert_eq!(log.tail(), ["password ***", "no end"]);
    }

    #[test]
    fn dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_088), (2024, 12, 31));
    }
}
