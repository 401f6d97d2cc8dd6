//! Text from outside, made harmless for pages and answers: without control characters, cut to a length.

/// The start of `text`, at most `max` characters, the last of them `…` if something is missing.
pub(crate) fn short(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return line(text);
    }
    let mut cut: String = line(text).chars().take(max.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// `text` in one line: control characters become spaces, characters that reorder what follows vanish.
pub(crate) fn line(text: &str) -> String {
    text.chars().filter(|c| !reorders(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A log's text: line feeds stay, terminal sequences and other control characters vanish, tabs become spaces.
pub(crate) fn log(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_sequence(&mut rest),
            '\n' => shown.push('\n'),
            '\r' if rest.peek() == Some(&'\n') => {}
            '\r' => shown.push('\n'),
            '\t' => shown.push_str("    "),
            c if c.is_control() || reorders(c) => {}
            c => shown.push(c),
        }
    }
    shown
}

/// Skips a terminal sequence after its escape character (ECMA-48: CSI, OSC, or a single character).
fn skip_sequence(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match rest.next_if(|c| *c != '\n') {
        Some('[') => while rest.next_if(|c| matches!(c, ' '..='?')).is_some() {},
        Some(']') => {
            while rest.next_if(|c| !matches!(c, '\u{7}' | '\u{1b}' | '\n')).is_some() {}
            if rest.next_if_eq(&'\u{1b}').is_none() {
                return;
            }
        }
        Some(_) | None => return,
    }
    rest.next_if(|c| *c != '\n');
}

/// Characters that change the order in which others are shown (Unicode's bidirectional controls).
fn reorders(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_sequences_vanish_from_logs() {
        assert_eq!(
            log("\u{1b}[1;31mred\u{1b}[0m\tend\r\nnext\u{1b}]0;title\u{7}!\u{1b}]8;;x\u{1b}\\link"),
            "red    end\nnext!link"
        );
    }

    #[test]
    fn a_line_stays_a_line() {
        assert_eq!(line("fix\nit\u{202e}!"), "fix it!");
        assert_eq!(short("abcdef", 4), "abc…");
        assert_eq!(short("abcd", 4), "abcd");
    }
}
