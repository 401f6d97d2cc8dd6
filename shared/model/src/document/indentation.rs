//! Lets flow collections and quoted scalars go on at the indentation of their key, as real files do.
//!
//! YAML 1.2 wants such lines indented deeper than the key; libyaml, and with it most readers, does not ask for it.
//! White space there means nothing, so a line that is refused for its indentation alone is indented further and the
//! file read again; columns are counted as written.

use std::borrow::Cow;
use std::collections::BTreeSet;

use saphyr_parser::ScanError;

/// How many bytes are read again at most, over all attempts.
const BUDGET: usize = 8 << 20;
/// The widest indentation that is added.
const MAX_WIDTH: usize = 1000;

/// A source and which of its lines were indented further.
pub(super) struct Indented<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) shifts: Shifts,
    budget: usize,
}

/// Lines, from 1, that were indented further, and by how much.
#[derive(Debug, Clone, Default)]
pub(super) struct Shifts {
    lines: BTreeSet<usize>,
    width: usize,
}

impl Shifts {
    /// The column as it was written.
    pub(super) fn column(&self, line: usize, column: usize) -> usize {
        if self.lines.contains(&line) { column.saturating_sub(self.width) } else { column }
    }
}

impl<'a> Indented<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { text: Cow::Borrowed(source), shifts: Shifts::default(), budget: BUDGET }
    }

    /// Whether a line was indented further on account of `error`, so that it is worth while to read again.
    pub(super) fn indent(&mut self, error: &ScanError) -> bool {
        let marked = error.marker().line();
        let line = match error.info() {
            "invalid indentation" | "invalid indentation in flow construct" => marked,
            // The mark is where the scalar starts; the line at fault is one after it.
            "invalid indentation in quoted scalar" => {
                (marked + 1..).find(|line| !self.shifts.lines.contains(line)).unwrap_or(marked)
            }
            _ => return false,
        };
        let Some(left) = self.budget.checked_sub(self.text.len()) else {
            return false;
        };
        self.budget = left;
        self.shift(line)
    }

    fn shift(&mut self, line: usize) -> bool {
        // A carriage return of its own ends a line too; then the lines counted here are not the reader's.
        let foreign = self.text.replace("\r\n", "\n").contains('\r');
        let Some(start) = line_start(&self.text, line).filter(|_| !foreign) else {
            return false;
        };
        if self.shifts.lines.is_empty() {
            let widths = self.text.lines().map(|line| line.len() - line.trim_start_matches(' ').len());
            self.shifts.width = widths.max().unwrap_or(0).min(MAX_WIDTH) + 2;
        }
        if !self.shifts.lines.insert(line) {
            return false;
        }
        self.text.to_mut().insert_str(start, &" ".repeat(self.shifts.width));
        true
    }
}

/// The offset of the line's first byte; lines count from 1.
fn line_start(text: &str, line: usize) -> Option<usize> {
    if line <= 1 {
        return (line == 1).then_some(0);
    }
    text.match_indices('\n').nth(line - 2).map(|(offset, _)| offset + 1)
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::Place;
    use crate::document::parse;

    #[test]
    fn flow_collections_end_where_their_key_stands() {
        let table = [
            ("a: [\n]\n", serde_json::json!({"a": []})),
            ("a: [1,\n2]\nb: 3\n", serde_json::json!({"a": [1, 2], "b": 3})),
            (
                "x:\n  a: {\n    \"b\": 1,\n  \"c\": [\n  2\n  ]\n  }\n  d: 4\n",
                serde_json::json!({"x": {"a": {"b": 1, "c": [2]}, "d": 4}}),
            ),
            ("key: 'a\nb\nc'\nd: 1\n", serde_json::json!({"key": "a b c", "d": 1})),
            ("key: \"a\\\nb\"\r\nd: 1\n", serde_json::json!({"key": "ab", "d": 1})),
        ];
        for (source, expected) in table {
            let document = parse(source);
            assert_eq!(
                document.root.map(|root| root.to_json()),
                Some(expected),
                "{source}\n{:?}",
                document.diagnostics
            );
        }
    }

    #[test]
    fn places_are_those_of_the_file() {
        let root = parse("a: {\n\"b\": 1\n}\n").root.unwrap();
        assert_eq!(root.get("a").unwrap().get("b").unwrap().place, Place { line: 2, column: 6 });
    }

    #[test]
    fn wrong_indentation_of_blocks_is_still_wrong() {
        for source in ["a:\n  b: 1\n c: 2\n", "a: [\nb: 1\n", "a: 'x\n", "a: [\n]]\n"] {
            assert!(parse(source).root.is_none(), "{source}");
        }
    }

    #[test]
    fn many_such_lines_are_read_in_bounded_time() {
        let source = format!("a: [\n{}]\n", "1,\n".repeat(1000));
        let length = parse(&source).root.unwrap().get("a").unwrap().list().map(<[_]>::len);
        assert_eq!(length, Some(1000));
        let source = format!("a: [\n{}]\n", "1,\n".repeat(100_000));
        assert!(parse(&source).root.is_none());
    }
}
