//! Text from outside, for messages: harmless and cut to a length.

use penstock_model::plain;

/// The longest line of a log that a message shows, in characters.
const MAX_LOG_LINE: usize = 400;

/// `text` in one line of at most `max` characters, `...` at its end if something is missing.
pub(super) fn line(text: &str, max: usize) -> String {
    cut(plain::line(text).trim(), max)
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
    cut(plain::line(&text.replace('\t', "    ")).trim_end(), MAX_LOG_LINE)
}

fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let start: String = text.chars().take(max.saturating_sub(3)).collect();
    format!("{}...", start.trim_end())
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
