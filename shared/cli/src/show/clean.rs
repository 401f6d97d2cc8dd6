//! Text that others wrote, made harmless for a terminal.

/// `text` as one line without escape sequences, control characters (C0, C1) and characters that reorder text.
///
/// Branch names, commit messages and logs come from outside; none of them may move the cursor, retitle the window
/// or make a line read differently from what it says.
pub(crate) fn clean(text: &str) -> String {
    console::strip_ansi_codes(text)
        .chars()
        .filter_map(|c| match c {
            '\t' | '\n' => Some(' '),
            c if c.is_control() || reorders(c) => None,
            c => Some(c),
        })
        .collect()
}

/// Bidirectional marks, embeddings, overrides and isolates, and line or paragraph separators.
fn reorders(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The first line of `text`, cleaned.
pub(crate) fn first_line(text: &str) -> String {
    clean(text.lines().next().unwrap_or_default())
}

/// The lines of a log, cleaned; a carriage return starts the line anew, as a progress bar means it.
pub(crate) fn log_line(line: &str) -> String {
    let line = line.strip_suffix('\r').unwrap_or(line);
    clean(line.rsplit('\r').next().unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_through_that_a_terminal_obeys() {
        assert_eq!(clean("a\u{1b}[2Jb\u{1b}]0;title\u{7}c"), "abc");
        assert_eq!(clean("x\u{9b}31my\u{85}z"), "xyz");
        assert_eq!(clean("user\u{202e}gnp.exe\u{2066}"), "usergnp.exe");
        assert_eq!(clean("two\nlines\tand a tab"), "two lines and a tab");
        assert_eq!(clean("größer ✔ 流れ"), "größer ✔ 流れ");
    }

    #[test]
    fn a_carriage_return_starts_a_log_line_anew() {
        assert_eq!(log_line("10%\r50%\r100%"), "100%");
        assert_eq!(log_line("done\r"), "done");
    }
}
