//! Text from outside, made harmless for messages: without control characters, cut to a length.

/// The longest line of a log that a message shows, in characters.
const MAX_LOG_LINE: usize = 400;

/// `text` in one line of at most `max` characters, `...` at its end if something is missing.
pub(super) fn line(text: &str, max: usize) -> String {
    let shown: String = stripped(text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut(shown.trim(), max)
}

/// As [`line()`], in ASCII: SNS takes nothing else for a subject.
pub(super) fn ascii(text: &str, max: usize) -> String {
    let shown: String = line(text, usize::MAX).chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
    cut(&shown, max)
}

/// Several lines, at most `max` of them, each as [`line()`].
pub(super) fn lines(text: &str, max: usize) -> Vec<String> {
    text.lines().take(max).map(|text| line(text, MAX_LOG_LINE)).collect()
}

/// A line of a log.
pub(super) fn log_line(text: &str) -> String {
    let shown: String = stripped(&text.replace('\t', "    ")).chars().filter(|c| !c.is_control()).collect();
    cut(shown.trim_end(), MAX_LOG_LINE)
}

/// Without terminal sequences (ECMA-48: CSI and two-character ones) and what reorders other characters.
fn stripped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            if rest.next_if(|c| !c.is_control()) == Some('[') {
                while rest.next_if(|c| matches!(c, ' '..='?')).is_some() {}
                rest.next_if(|c| !c.is_control());
            }
        } else if !reorders(c) {
            shown.push(c);
        }
    }
    shown
}

fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let start: String = text.chars().take(max.saturating_sub(3)).collect();
    format!("{}...", start.trim_end())
}

/// Characters that change the order in which others are shown (Unicode's bidirectional controls).
fn reorders(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_text_is_left() {
        assert_eq!(line(" a\nb\u{1b}[31m\u{202e}c\r\n", 50), "a bc");
        assert_eq!(line("abcdefgh", 6), "abc...");
        assert_eq!(ascii("zöe\n✓", 50), "z?e ?");
        assert_eq!(log_line("\u{1b}[1;31mred\u{1b}[0m\tand \u{7}plain\r"), "red    and plain");
        assert_eq!(lines("one\ntwo\nthree", 2), ["one", "two"]);
    }
}
