//! Collects what a check finds and words the user's text safely.

use crate::diagnostic::{Diagnostic, Place};

/// The diagnostics of one file as they are found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Findings {
    pub(crate) fn error(&mut self, place: Place, code: &str, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(place, code, message));
    }

    pub(crate) fn warning(&mut self, place: Place, code: &str, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::warning(place, code, message));
    }

    /// The diagnostics in the order of the file, each once.
    pub(crate) fn sorted(mut self) -> Vec<Diagnostic> {
        self.diagnostics.sort();
        self.diagnostics.dedup();
        self.diagnostics
    }
}

/// `text` in backticks, at most 60 characters of it, without control characters.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// `; did you mean …?` if one of `known` is close to `text`, else nothing.
pub(crate) fn suggestion<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    const LONGEST: usize = 60;
    if text.len() > LONGEST {
        return String::new();
    }
    let folded = text.to_ascii_lowercase();
    let nearest = known
        .into_iter()
        .map(|candidate| (distance(&folded, &candidate.to_ascii_lowercase()), candidate))
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((distance, candidate)) if distance <= text.len() / 3 => format!("; did you mean `{candidate}`?"),
        Some(_) | None => String::new(),
    }
}

/// The number of single-character edits from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_suggested() {
        assert_eq!(
            suggestion("inputArtifact", ["inputArtifacts", "name"]),
            "; did you mean `inputArtifacts`?"
        );
        assert_eq!(suggestion("Name", ["name"]), "; did you mean `name`?");
        assert_eq!(suggestion("comment", ["name", "stages"]), "");
    }

    #[test]
    fn quoted_text_is_short_and_harmless() {
        assert_eq!(quoted("a\u{1b}[2J"), "`a\u{fffd}[2J`");
        assert_eq!(quoted(&"x".repeat(100)).chars().count(), 63);
    }
}
