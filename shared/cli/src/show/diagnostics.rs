//! Diagnostics of files that a person wrote, in the form that editors and compilers have made familiar.

use console::{StyledObject, style};
use penstock_model::diagnostic::{Diagnostic, Severity};

use super::clean::clean;

/// The longest part of a source line that is shown.
const LONGEST: usize = 160;

/// Warnings that only say which default applies: `penstock check` tells them, others would tell them every time.
const DEFAULTS: [&str; 4] =
    ["default-artifact-store", "default-role", "default-project", "source-without-repository"];

/// Whether a command that does something with a definition mentions `diagnostic`.
pub(crate) fn is_news(diagnostic: &Diagnostic) -> bool {
    diagnostic.severity == Severity::Error || !DEFAULTS.contains(&diagnostic.code.as_str())
}

/// `LINE:COLUMN: error[code]: message`.
pub(crate) fn line(diagnostic: &Diagnostic) -> String {
    format!("{}: {}: {}", diagnostic.place, label(diagnostic), clean(&diagnostic.message))
}

/// `FILE:LINE:COLUMN: error[code]: message` and, if `source` is given, the source line with a caret.
pub(crate) fn lines(file: &str, diagnostic: &Diagnostic, source: Option<&str>) -> Vec<String> {
    let place = style(format!("{}:{}", clean(file), diagnostic.place)).bold();
    let mut lines = vec![format!("{place}: {}: {}", label(diagnostic), clean(&diagnostic.message))];
    let text = source.and_then(|source| source.lines().nth(diagnostic.place.line as usize - 1));
    if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
        lines.extend(excerpt(diagnostic, text));
    }
    lines
}

fn excerpt(diagnostic: &Diagnostic, text: &str) -> [String; 2] {
    let number = diagnostic.place.line.to_string();
    let before = diagnostic.place.column as usize - 1;
    // Far to the right, the line is shown from a little before the place.
    let from = if before > LONGEST - 40 { before - 20 } else { 0 };
    let shown: String = text.chars().skip(from).take(LONGEST).collect();
    let bar = style("|").dim();
    let indent = console::measure_text_width(&clean(&shown.chars().take(before - from).collect::<String>()));
    let caret = paint(diagnostic.severity, "^");
    [
        format!("{} {bar} {}", style(&number).dim(), clean(&shown)),
        format!("{} {bar} {}{caret}", " ".repeat(number.len()), " ".repeat(indent)),
    ]
}

fn label(diagnostic: &Diagnostic) -> StyledObject<String> {
    let word = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    paint(diagnostic.severity, format!("{word}[{}]", diagnostic.code))
}

fn paint<T>(severity: Severity, text: T) -> StyledObject<T> {
    match severity {
        Severity::Error => style(text).red().bold(),
        Severity::Warning => style(text).yellow(),
    }
}

#[cfg(test)]
mod tests {
    use penstock_model::diagnostic::Place;

    use super::*;

    #[test]
    fn the_caret_stands_under_the_place() {
        let place = Place { line: 2, column: 4 };
        let diagnostic = Diagnostic::error(place, "unknown-key", "what is `b`?");
        let lines: Vec<String> = lines("f.yml", &diagnostic, Some("a:\n\t ü b: 1\n"))
            .iter()
            .map(|line| console::strip_ansi_codes(line).into_owned())
            .collect();
        assert_eq!(lines, ["f.yml:2:4: error[unknown-key]: what is `b`?", "2 |   ü b: 1", "  |    ^"]);
    }

    #[test]
    fn a_place_beyond_the_end_shows_no_excerpt() {
        let diagnostic = Diagnostic::error(Place { line: 9, column: 1 }, "empty", "nothing there");
        assert_eq!(lines("f.yml", &diagnostic, Some("a: 1\n")).len(), 1);
    }
}
