//! Text from outside, for pages and answers: harmless and cut to a length.

use penstock_model::plain::block;
pub(crate) use penstock_model::plain::line;

/// The start of `text`, at most `max` characters, the last of them `…` if something is missing.
pub(crate) fn short(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return line(text);
    }
    let mut cut: String = line(text).chars().take(max.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// A log's text: its lines, with tabs as spaces.
pub(crate) fn log(text: &str) -> String {
    block(text).replace('\t', "    ")
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
