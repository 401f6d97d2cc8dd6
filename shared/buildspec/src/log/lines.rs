//! Cuts bytes into lines that are safe to show.

use penstock_model::plain::block;

use super::MAX_LINE;

/// Collects bytes until a line is complete, or so long that it is written in pieces.
#[derive(Default)]
pub(crate) struct Splitter {
    partial: Vec<u8>,
    after_return: bool,
}

impl Splitter {
    /// Whether a line has begun that has not ended.
    pub(crate) fn is_within_line(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Calls `write` with every line that `bytes` complete. A carriage return ends a line too, as progress bars use it.
    pub(crate) fn push(&mut self, bytes: &[u8], mut write: impl FnMut(&str)) {
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            if std::mem::take(&mut self.after_return) && *first == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let room = MAX_LINE - self.partial.len();
            let window = &rest[..rest.len().min(room)];
            match window.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
                Some(end) => {
                    self.after_return = rest[end] == b'\r';
                    self.emit(&rest[..end], &mut write);
                    rest = &rest[end + 1..];
                }
                None if window.len() == room => {
                    let cut = piece(window);
                    self.emit(&rest[..cut], &mut write);
                    rest = &rest[cut..];
                }
                None => {
                    self.partial.extend_from_slice(window);
                    rest = &rest[window.len()..];
                }
            }
        }
    }

    fn emit(&mut self, end: &[u8], write: &mut impl FnMut(&str)) {
        if self.partial.is_empty() {
            write(&block(&String::from_utf8_lossy(end)));
        } else {
            self.partial.extend_from_slice(end);
            write(&block(&String::from_utf8_lossy(&self.partial)));
            self.partial.clear();
        }
    }
}

/// Where to cut so that no character is torn apart; all of it if there is no such place near the end.
fn piece(window: &[u8]) -> usize {
    let torn = window.iter().rev().take(4).position(|byte| byte & 0b1100_0000 != 0b1000_0000);
    match torn {
        Some(behind) if window[window.len() - 1 - behind] >= 0xC0 && window.len() > behind + 1 => {
            window.len() - 1 - behind
        }
        _ => window.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(chunks: &[&[u8]]) -> Vec<String> {
        let (mut splitter, mut lines) = (Splitter::default(), Vec::new());
        for chunk in chunks {
            splitter.push(chunk, |line| lines.push(line.to_owned()));
        }
        lines
    }

    #[test]
    fn ends_of_lines() {
        assert_eq!(split(&[b"a\nb\r\nc\rd", b"e\r", b"\n\nf\n"]), ["a", "b", "c", "de", "", "f"]);
    }

    #[test]
    fn a_long_line_comes_in_pieces_that_tear_no_character() {
        let long = "ä".repeat(MAX_LINE);
        let lines = split(&[b"x", long.as_bytes(), b"\n"]);
        assert_eq!(lines.concat(), format!("x{long}"));
        assert!(
            lines.len() >= 2 && lines.iter().all(|line| line.len() <= MAX_LINE && !line.contains('\u{fffd}'))
        );
        let bytes = vec![0x80; 3 * MAX_LINE];
        assert_eq!(split(&[&bytes, b"\n"]).len(), 4);
    }

    #[test]
    fn nothing_reaches_a_terminal() {
        let colour = split(&[b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07\x00bell\x07\ttab \xff\n"]);
        assert_eq!(colour, ["red bell\ttab \u{fffd}"]);
    }
}
