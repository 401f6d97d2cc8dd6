//! Text that others wrote, made harmless to show: nothing in it moves a cursor, retitles a window or reads as what it is not.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

/// `text` with its line ends and tabs, without terminal sequences, other control characters and characters that
/// reorder what follows. A carriage return ends a line, as progress bars use it.
pub fn block(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\r' if rest.peek() == Some(&'\n') => {}
            '\r' => shown.push('\n'),
            '\u{1b}' => skip_escape(&mut rest),
            '\u{9b}' => skip_control_sequence(&mut rest),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_string(&mut rest),
            _ if is_harmless(character) => shown.push(character),
            _ => {}
        }
    }
    Cow::Owned(shown)
}

/// [`block`] in one line: ends of lines and tabs become spaces.
pub fn line(text: &str) -> String {
    block(text).replace(['\n', '\t'], " ")
}

/// Whether `character` is one that neither a terminal nor a page obeys.
pub fn is_harmless(character: char) -> bool {
    matches!(character, '\n' | '\t') || !(character.is_control() || reorders(character))
}

/// Unicode's bidirectional marks, embeddings, overrides and isolates, its line and paragraph separators, and the
/// byte order mark.
fn reorders(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

/// Skips what follows an escape character (ECMA-48, 5.3 to 5.6).
fn skip_escape(rest: &mut Peekable<Chars<'_>>) {
    match rest.next_if(|c| !c.is_control()) {
        Some('[') => skip_control_sequence(rest),
        Some(']' | 'P' | 'X' | '^' | '_') => skip_string(rest),
        Some(' '..='/') => {
            while rest.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            rest.next_if(|c| matches!(c, '0'..='~'));
        }
        Some(_) | None => {}
    }
}

/// Skips parameters up to the character that ends a control sequence.
fn skip_control_sequence(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| matches!(c, ' '..='?')).is_some() {}
    rest.next_if(|c| matches!(c, '@'..='~'));
}

/// Skips a control string with its terminator; one without ends with its line, so that it hides no other.
fn skip_string(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| !matches!(c, '\u{7}' | '\u{1b}' | '\u{9c}' | '\n' | '\r')).is_some() {}
    if rest.next_if_eq(&'\u{1b}').is_some() {
        rest.next_if_eq(&'\\');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_sequences_vanish() {
        assert_eq!(
            block(
                "\u{1b}[1;31mred\u{1b}[0m\tend\r\nnext\u{1b}]0;title\u{7}!\u{1b}]8;;x\u{1b}\\link\u{1b}(B."
            ),
            "red\tend\nnext!link."
        );
        assert_eq!(block("x\u{9b}31my\u{85}z\u{9d}0;title\u{9c}."), "xyz.");
        assert_eq!(block("a\u{1b}[2Jb\u{1b}[31"), "ab");
    }

    #[test]
    fn a_string_without_its_end_hides_its_own_line_only() {
        assert_eq!(block("a\u{1b}]0;title\nb"), "a\nb");
        assert_eq!(block("a\u{1b}[\nb\u{1b}\nc"), "a\nb\nc");
    }

    #[test]
    fn a_carriage_return_ends_a_line() {
        assert_eq!(block("10%\r50%\rdone\r\n"), "10%\n50%\ndone\n");
    }

    #[test]
    fn text_reads_as_what_it_is() {
        assert_eq!(line("user\u{202e}gnp.exe\u{2066}\u{feff}"), "usergnp.exe");
        assert_eq!(line("two\nlines\tand a tab\u{7}"), "two lines and a tab");
        assert_eq!(line("größer ✔ 流れ"), "größer ✔ 流れ");
        assert!(matches!(block("plain\ttext\n"), Cow::Borrowed(_)));
    }
}
