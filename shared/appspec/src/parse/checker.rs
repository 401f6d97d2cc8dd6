//! Collects diagnostics while a tree is read, so that one problem never hides another.

use penstock_model::diagnostic::{Diagnostic, Place};
use penstock_model::document::{Key, Node};

/// What has been noticed so far.
pub(super) struct Checker {
    diagnostics: Vec<Diagnostic>,
}

impl Checker {
    pub(super) fn new(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics }
    }

    pub(super) fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    pub(super) fn finish(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    pub(super) fn error(&mut self, place: Place, code: &str, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(place, code, message));
    }

    pub(super) fn warn(&mut self, place: Place, code: &str, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::warning(place, code, message));
    }

    /// The entries of a mapping; `what` completes "... must be a mapping".
    pub(super) fn entries<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [(Key, Node)]> {
        let entries = node.map();
        if entries.is_none() {
            let message = format!("{what} must be a mapping, this is {}", node.kind());
            self.error(node.place, "wrong-type", message);
        }
        entries
    }

    /// The items of a list; null counts as an empty one.
    pub(super) fn items<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        if node.is_null() {
            return &[];
        }
        let items = node.list();
        if items.is_none() {
            let message =
                format!("{what} must be a list, this is {}; put `- ` before each entry", node.kind());
            self.error(node.place, "wrong-type", message);
        }
        items.unwrap_or_default()
    }

    /// The text under `key`, which must be there and not be empty.
    pub(super) fn required_text<'n>(&mut self, map: &'n Node, key: &str, what: &str) -> Option<&'n Node> {
        match map.get(key) {
            None => {
                self.error(map.place, "missing-key", format!("{what} needs `{key}`"));
                None
            }
            Some(node) => self.text(node, key).map(|_| node),
        }
    }

    /// The text of a scalar that must not be empty; `key` names it.
    pub(super) fn text<'n>(&mut self, node: &'n Node, key: &str) -> Option<&'n str> {
        match node.text() {
            Some(text) if !text.trim().is_empty() => Some(text),
            Some(_) => {
                self.error(node.place, "empty-value", format!("`{key}` is empty"));
                None
            }
            None => {
                self.error(
                    node.place,
                    "wrong-type",
                    format!("`{key}` must be a text, this is {}", node.kind()),
                );
                None
            }
        }
    }

    /// The text under `key`, if it is there and not null.
    pub(super) fn optional_text(&mut self, map: &Node, key: &str) -> Option<String> {
        let node = map.get(key).filter(|node| !node.is_null())?;
        self.text(node, key).map(Into::into)
    }

    /// Warns of every key that is not among `known`.
    pub(super) fn unknown_keys(&mut self, entries: &[(Key, Node)], known: &[&str], what: &str) {
        for (key, _) in entries {
            if !known.contains(&key.text.as_str()) {
                let near = known.iter().find(|name| name.eq_ignore_ascii_case(&key.text));
                let hint = match near {
                    Some(name) => format!("keys are case-sensitive: write `{name}`"),
                    None => format!("known are {}", known.join(", ")),
                };
                let message = format!("unknown key `{}` in {what} is ignored; {hint}", key.text);
                self.warn(key.place, "unknown-key", message);
            }
        }
    }
}
