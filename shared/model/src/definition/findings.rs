//! Collects what a check finds and words the user's text safely.

use crate::diagnostic::{Diagnostic, Place, Severity};

/// The most diagnostics that are listed, so that a small file cannot make a long list.
const MAX_LISTED: usize = 1000;
/// The most suggestions that are looked for.
const MAX_SUGGESTIONS: usize = 200;

/// The diagnostics of one file as they are found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    diagnostics: Vec<Diagnostic>,
    suggestions: usize,
    unlisted_errors: usize,
    unlisted_warnings: usize,
}

impl Findings {
    /// What was found already.
    pub(crate) fn after(diagnostics: &[Diagnostic]) -> Self {
        let mut findings = Self::default();
        diagnostics.iter().cloned().for_each(|diagnostic| findings.push(diagnostic));
        findings
    }

    pub(crate) fn error(&mut self, place: Place, code: &str, message: impl Into<String>) {
        self.push(Diagnostic::error(place, code, message));
    }

    pub(crate) fn warning(&mut self, place: Place, code: &str, message: impl Into<String>) {
        self.push(Diagnostic::warning(place, code, message));
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < MAX_LISTED {
            return self.diagnostics.push(diagnostic);
        }
        match diagnostic.severity {
            Severity::Error => self.unlisted_errors += 1,
            Severity::Warning => self.unlisted_warnings += 1,
        }
    }

    /// The diagnostics in the order of the file, each once.
    pub(crate) fn sorted(mut self) -> Vec<Diagnostic> {
        let unlisted = self.unlisted_errors + self.unlisted_warnings;
        if unlisted > 0 {
            let message = format!("{unlisted} more problems are not listed; correct these first");
            let severity = if self.unlisted_errors > 0 { Severity::Error } else { Severity::Warning };
            self.diagnostics.push(Diagnostic {
                place: Place::START,
                severity,
                code: "too-many-problems".into(),
                message,
            });
        }
        self.diagnostics.sort();
        self.diagnostics.dedup();
        self.diagnostics
    }

    /// `; did you mean …?` if one of `known` is close to `text`, else nothing.
    pub(crate) fn suggestion<'a>(&mut self, text: &str, known: impl IntoIterator<Item = &'a str>) -> String {
        self.suggestions += 1;
        if self.suggestions > MAX_SUGGESTIONS {
            return String::new();
        }
        nearest(text, known).map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"))
    }
}

/// `text` in backticks, at most 60 characters of it, without control characters.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut shown: String =
        text.chars().take(SHOWN).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// The one of `known` that differs from `text` in at most a third of its characters, if there is one.
fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 60;
    if text.len() > LONGEST {
        return None;
    }
    let folded = text.to_ascii_lowercase();
    let near = |candidate: &&str| candidate.len() <= 2 * LONGEST;
    let distances = known
        .into_iter()
        .filter(near)
        .map(|candidate| (distance(&folded, &candidate.to_ascii_lowercase()), candidate));
    let (distance, candidate) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= text.len() / 3).then_some(candidate)
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
        assert_eq!(nearest("inputArtifact", ["inputArtifacts", "name"]), Some("inputArtifacts"));
        assert_eq!(nearest("Name", ["name"]), Some("name"));
        assert_eq!(nearest("comment", ["name", "stages"]), None);
    }

    #[test]
    fn quoted_text_is_short_and_harmless() {
        assert_eq!(quoted("a\u{1b}[2J"), "`a\u{fffd}[2J`");
        assert_eq!(quoted(&"x".repeat(100)).chars().count(), 63);
    }

    #[test]
    fn a_long_list_is_cut_and_still_refuses() {
        let mut findings = Findings::default();
        for column in 0..=1000 {
            findings.warning(Place { line: 1, column }, "a", "b");
        }
        findings.error(Place::START, "c", "d");
        let found = findings.sorted();
        assert_eq!(found.len(), 1001);
        assert!(
            found.iter().any(|found| found.code == "too-many-problems" && found.severity == Severity::Error)
        );
    }
}
