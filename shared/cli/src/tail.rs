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
        Self { keep, ..Self::default() }
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

    /// The last line that says something: what a command printed, or which command runs.
    pub(crate) fn last_line(&self) -> Option<String> {
        self.lines.iter().rev().find_map(|line| telling(line))
    }

    /// The last lines, with the one that has no end yet.
    pub(crate) fn into_lines(mut self) -> Vec<String> {
        if !self.partial.is_empty() {
            self.end_line();
        }
        self.lines.into()
    }
}

/// How a line begins in which a build tells of its phases, instead of what its commands print.
pub(crate) const NARRATION: &str = "[Container] ";

/// `line` as it stands beside an action that runs; `None` if it tells nothing there.
fn telling(line: &str) -> Option<String> {
    let line = line.trim();
    match line.strip_prefix(NARRATION) {
        Some(narration) => {
            narration.split_once(" Running command ").map(|(_, command)| format!("$ {command}"))
        }
        None => (!line.is_empty()).then(|| line.to_owned()),
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
        assert_eq!(tail.last_line().as_deref(), Some("three"));
        tail.feed(b"four");
        assert_eq!(tail.into_lines(), ["", "four"]);
    }

    #[test]
    fn a_build_tells_which_command_runs_and_little_else() {
        let mut tail = Tail::new(5);
        tail.feed(b"[Container] 2026/01/31 12:00:00.000000 Running command make\n");
        tail.feed(b"[Container] 2026/01/31 12:00:00.000001 Phase complete: BUILD State: SUCCEEDED\n");
        assert_eq!(tail.last_line().as_deref(), Some("$ make"));
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let mut tail = Tail::new(1);
        tail.feed(&vec![b'x'; LONGEST * 3]);
        assert_eq!(tail.into_lines()[0].len(), LONGEST);
    }
}
