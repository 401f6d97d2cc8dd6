//! Lines for standard output and standard error; a closed pipe is an error to pass on, never a panic.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use penstock_model::plain::is_harmless;

/// Writes `line` to standard output.
pub(crate) fn line(line: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Writes `line` to standard error; if that is gone, nobody can be told.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Writes `value` as pretty JSON to standard output.
pub(crate) fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    line(escaped(&serde_json::to_string_pretty(value)?))?;
    Ok(())
}

/// Writes `value` as one line of JSON to standard output.
pub(crate) fn json_line(value: &impl serde::Serialize) -> anyhow::Result<()> {
    line(escaped(&serde_json::to_string(value)?))?;
    Ok(())
}

/// `json` with an escape for each character that a terminal would obey; they occur in strings only.
fn escaped(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for character in json.chars() {
        match is_harmless(character) {
            true => shown.push(character),
            false => shown.push_str(&format!("\\u{:04x}", u32::from(character))),
        }
    }
    shown
}

/// Whether a person watches standard output on a terminal that can be drawn on.
pub(crate) fn is_live() -> bool {
    io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether a person can be asked: both ends are terminals.
pub(crate) fn can_ask() -> bool {
    is_live() && io::stdin().is_terminal()
}

/// Turns colours off where `NO_COLOR` says so (no-color.org).
pub(crate) fn honour_no_color() {
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        console::set_colors_enabled(false);
        console::set_colors_enabled_stderr(false);
    }
}

/// Writes `text` to standard output without an end of line.
pub(crate) fn part(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{text}")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_means_the_same() {
        let text = "a\u{202e}b\u{9b}c\u{7f}d\n";
        let json = escaped(&serde_json::to_string(text).unwrap());
        assert_eq!(json, r#""a\u202eb\u009bc\u007fd\n""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
