//! Lines for standard output and standard error; a closed pipe is an error to pass on, never a panic.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

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
    line(serde_json::to_string_pretty(value)?)?;
    Ok(())
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
