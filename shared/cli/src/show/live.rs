//! Draws lines over the lines drawn before, without flicker, on a terminal.

use std::io::{self, Write};

use console::Term;

/// Begins and ends an update that terminals which know it (mode 2026) show at once.
const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";

/// A picture on a terminal that is redrawn in place.
pub(crate) struct Live {
    term: Term,
    drawn: usize,
}

impl Live {
    /// Draws on standard output from where the cursor is.
    pub(crate) fn new() -> Self {
        let term = Term::stdout();
        let _ = term.hide_cursor();
        Self { term, drawn: 0 }
    }

    /// Columns and rows of the terminal.
    pub(crate) fn size(&self) -> (usize, usize) {
        let (rows, columns) = self.term.size();
        (usize::from(columns).max(20), usize::from(rows).max(5))
    }

    /// Draws `lines` over the last picture; those that do not fit are left out, the first ones first.
    pub(crate) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let rows = self.size().1 - 1;
        let lines = &lines[lines.len().saturating_sub(rows)..];
        let mut picture = String::from(BEGIN);
        if self.drawn > 0 {
            picture += &format!("\x1b[{}A", self.drawn);
        }
        for line in lines {
            picture += &format!("\r\x1b[2K{line}\n");
        }
        picture += "\x1b[J";
        picture += END;
        self.drawn = lines.len();
        (&self.term).write_all(picture.as_bytes())?;
        self.term.flush()
    }

    /// Leaves the picture as it is; the next one begins below it.
    pub(crate) fn leave(&mut self) {
        self.drawn = 0;
        let _ = self.term.show_cursor();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.term.show_cursor();
    }
}
