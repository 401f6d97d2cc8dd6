//! The last lines of a log, however long the log is.

use std::collections::VecDeque;

use penstock_model::id::AttemptId;

use crate::reach::Reach;
use crate::show::clean::log_line;

/// A line is cut here; nobody reads further, and a log without line ends must not fill the memory.
const LONGEST: usize = 8 * 1024;

/// Follows one log and keeps its last lines.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    offset: u64,
    partial: Vec<u8>,
    lines: VecDeque<String>,
    keep: usize,
}

impl Tail {
    /// Keeps the last `keep` lines.
    pub(crate) fn new(keep: usize) -> Self {
        Self {
            keep,
            ..Self::default()
        }
    }

    /// Reads at most one part more. Whether there was any.
    pub(crate) async fn read_on(&mut self, reach: &dyn Reach, attempt: &AttemptId) -> anyhow::Result<bool> {
        let part = reach.log(attempt, self.offset).await?;
        self.offset = part.next;
        self.feed(&part.bytes);
        Ok(!part.bytes.is_empty())
    }

    fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                self.end_line();
            } else if self.partial.len() < LONGEST {
                self.partial.push(byte);
            }
        }
    }

    fn end_line(&mut self) {
        let line = log_line(&String::from_utf8_lossy(&self.partial));
        self.partial.clear();
        if self.lines.len() == self.keep {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// The last line that says something.
    pub(crate) fn last_line(&self) -> Option<&str> {
        self.lines
            .iter()
            .rev()
            .map(|line| line.trim())
            .find(|line| !line.is_empty())
    }

    /// The last lines, with the one that has no end yet.
    pub(crate) fn into_lines(mut self) -> Vec<String> {
        if !self.partial.is_empty() {
            self.end_line();
        }
        self.lines.into()
    }
}

/// The last `keep` lines of the attempt's log.
pub(crate) async fn last_lines(
    reach: &dyn Reach,
    attempt: &AttemptId,
    keep: usize,
) -> anyhow::Result<Vec<String>> {
    let mut tail = Tail::new(keep);
    while tail.read_on(reach, attempt).await? {}
    Ok(tail.into_lines())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut tail = Tail::new(2);
        tail.feed(b"one\ntwo\nthr");
        tail.feed(b"ee\n\n");
        assert_eq!(tail.last_line(), Some("three"));
        tail.feed(b"four");
        assert_eq!(tail.into_lines(), ["", "four"]);
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let mut tail = Tail::new(1);
        tail.feed(&vec![b'x'; LONGEST * 3]);
        assert_eq!(tail.into_lines()[0].len(), LONGEST);
    }
}
