//! Takes values out of a document and notes what is wrong with them.

use penstock_model::diagnostic::{Diagnostic, Place};
use penstock_model::document::{Key, Node, Value};

/// Collects diagnostics while a file is read.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Reader {
    pub(super) fn error(&mut self, place: Place, code: &str, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(place, code, message));
    }

    pub(super) fn warn(&mut self, place: Place, code: &str, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::warning(place, code, message));
    }

    /// The text of a scalar.
    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = node.text().map(str::to_owned);
        if text.is_none() {
            self.error(node.place, "wrong-type", format!("{what} must be text, but it is {}", node.kind()));
        }
        text
    }

    /// A YAML 1.1 boolean; anything else is an error and counts as `false`.
    pub(super) fn flag(&mut self, node: &Node, what: &str) -> bool {
        let flag = node.flag();
        if flag.is_none() {
            self.error(node.place, "wrong-type", format!("{what} must be `yes` or `no`"));
        }
        flag.unwrap_or(false)
    }

    /// A mapping's entries; null counts as an empty one.
    pub(super) fn entries<'a>(&mut self, node: &'a Node, what: &str) -> &'a [(Key, Node)] {
        match &node.value {
            Value::Map(entries) => entries,
            Value::Null => {
                self.warn(node.place, "empty", format!("{what} is empty; fill it or remove it"));
                &[]
            }
            Value::Scalar { .. } | Value::List(_) => {
                self.error(
                    node.place,
                    "wrong-type",
                    format!("{what} must be a mapping, but it is {}", node.kind()),
                );
                &[]
            }
        }
    }

    /// A mapping's entries with text values, in which null counts as empty text.
    pub(super) fn pairs(&mut self, node: &Node, what: &str) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for (key, value) in self.entries(node, what) {
            if value.is_null() {
                self.warn(key.place, "empty", format!("`{}` has no value and will be empty", key.text));
                pairs.push((key.text.clone(), String::new()));
            } else if let Some(text) = self.text(value, &format!("`{}` in {what}", key.text)) {
                pairs.push((key.text.clone(), text));
            }
        }
        pairs
    }

    /// A list of texts; a single text counts as a list of one.
    pub(super) fn texts(&mut self, node: &Node, what: &str) -> Vec<String> {
        match &node.value {
            Value::Scalar { text, .. } => vec![text.clone()],
            Value::Null => {
                self.warn(node.place, "empty", format!("{what} is empty; fill it or remove it"));
                Vec::new()
            }
            Value::List(items) => self.items(items, what),
            Value::Map(_) => {
                let message =
                    format!("{what} must be a list of texts, but it is a mapping; put `- ` before each");
                self.error(node.place, "wrong-type", message);
                Vec::new()
            }
        }
    }

    fn items(&mut self, items: &[Node], what: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for item in items {
            if item.is_null() {
                self.warn(
                    item.place,
                    "empty",
                    format!("an item of {what} is empty and is left out; remove it"),
                );
            } else if let Some(text) = self.text(item, &format!("an item of {what}")) {
                texts.push(text);
            }
        }
        texts
    }

    /// Warns of a key that nothing reads.
    pub(super) fn unknown(&mut self, key: &Key, place: &str, known: &[&str]) {
        let near = known.iter().find(|known| alike(known, &key.text));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}", known.join(", ")),
        };
        self.warn(
            key.place,
            "unknown-key",
            format!("`{}` means nothing {place} and is ignored; {hint}", key.text),
        );
    }
}

/// Whether two keys differ only in case, in `-` against `_`, or in a final `s`.
fn alike(one: &str, other: &str) -> bool {
    let plain =
        |text: &str| text.to_ascii_lowercase().replace(['-', '_'], "").trim_end_matches('s').to_owned();
    plain(one) == plain(other)
}
