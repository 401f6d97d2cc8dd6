//! Reads a mapping key by key and reports what has the wrong form, is missing or was never asked for.

use super::draft::{Placed, Text};
use super::findings::{Findings, quoted};
use crate::diagnostic::Place;
use crate::document::{Key, Node, Value};

/// A mapping under reading. Each key that is asked for becomes known; [`Fields::finish`] reports the others.
pub(crate) struct Fields<'a> {
    entries: &'a [(Key, Node)],
    place: Place,
    what: &'static str,
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The mapping `node`; reports anything else.
    pub(crate) fn of(node: &'a Node, what: &'static str, findings: &mut Findings) -> Option<Self> {
        let Some(entries) = node.map() else {
            let message = format!("{what} must be a mapping of keys to values, and this is {}", node.kind());
            findings.error(node.place, "wrong-type", message);
            return None;
        };
        Some(Self { entries, place: node.place, what, asked: Vec::new() })
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// The value under `key`; null is as good as absent.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<&'a Node> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.entries
            .iter()
            .find(|(other, _)| other.text == key)
            .map(|(_, node)| node)
            .filter(|node| !node.is_null())
    }

    /// Reports that `key` is missing.
    pub(crate) fn missing(&self, key: &str, findings: &mut Findings) {
        findings.error(self.place, "missing-key", format!("{} needs `{key}`; add it", self.what));
    }

    pub(crate) fn text(&mut self, key: &'static str, findings: &mut Findings) -> Option<Text> {
        let node = self.get(key)?;
        Some(text(node, key, findings))
    }

    pub(crate) fn required_text(&mut self, key: &'static str, findings: &mut Findings) -> Text {
        self.text(key, findings).unwrap_or_else(|| {
            self.missing(key, findings);
            Text::unknown(self.place)
        })
    }

    /// An integer, quoted or not; `None` also if a template computes it.
    pub(crate) fn integer(&mut self, key: &'static str, findings: &mut Findings) -> Option<Placed<i64>> {
        let text = self.text(key, findings)?;
        if !text.known {
            return None;
        }
        if let Ok(value) = text.text.trim().parse() {
            return Some(Placed { value, place: text.place });
        }
        let message = format!("`{key}` must be a whole number, not {}", quoted(&text.text));
        findings.error(text.place, "wrong-type", message);
        None
    }

    /// The items under `key`; absent and null are empty.
    pub(crate) fn list(&mut self, key: &'static str, findings: &mut Findings) -> &'a [Node] {
        let Some(node) = self.get(key) else { return &[] };
        node.list().unwrap_or_else(|| {
            let message =
                format!("`{key}` must be a list, and this is {}; write its items with `- `", node.kind());
            findings.error(node.place, "wrong-type", message);
            &[]
        })
    }

    pub(crate) fn texts(&mut self, key: &'static str, findings: &mut Findings) -> Vec<Text> {
        self.list(key, findings).iter().map(|item| text(item, key, findings)).collect()
    }

    /// Warns about every key that was not asked for.
    pub(crate) fn finish(self, findings: &mut Findings) {
        for (key, _) in self.entries {
            if !self.asked.contains(&key.text.as_str()) {
                let hint = findings.suggestion(&key.text, self.asked.iter().copied());
                let hint =
                    if hint.is_empty() { format!("; known are {}", self.asked.join(", ")) } else { hint };
                let message =
                    format!("{} has no key {}, so it is ignored{hint}", self.what, quoted(&key.text));
                findings.warning(key.place, "unknown-key", message);
            }
        }
    }
}

/// The scalar `node`; reports anything else.
pub(crate) fn text(node: &Node, what: &str, findings: &mut Findings) -> Text {
    match &node.value {
        Value::Scalar { text, .. } => Text { text: text.clone(), place: node.place, known: !tagged(node) },
        Value::Null | Value::List(_) | Value::Map(_) => {
            findings.error(
                node.place,
                "wrong-type",
                format!("`{what}` must be a text, and this is {}", node.kind()),
            );
            Text::unknown(node.place)
        }
    }
}

/// Whether `node` has a tag that is not one of YAML's own (`!!str` and the like).
pub(crate) fn tagged(node: &Node) -> bool {
    node.tag.as_ref().is_some_and(|tag| !tag.starts_with("tag:yaml.org,2002:") && !tag.starts_with("!!"))
}
