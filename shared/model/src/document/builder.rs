//! Builds the tree from the parser's events: counts, resolves aliases and merge keys, reports duplicate keys.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::indentation::Shifts;
use super::{Document, Key, MAX_DEPTH, MAX_NODES, Node, Value};
use crate::diagnostic::{Diagnostic, Place};

/// A collection whose end has not been seen yet.
enum Open {
    List {
        node: Node,
        anchor: usize,
    },
    Map {
        node: Node,
        key: Option<Key>,
        /// Where each key stands in `node`.
        indices: HashMap<String, usize>,
        anchor: usize,
    },
}

#[derive(Default)]
pub(super) struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    failed: bool,
    documents: usize,
    diagnostics: Vec<Diagnostic>,
    shifts: Shifts,
}

impl Builder {
    pub(super) fn new(shifts: Shifts) -> Self {
        Self { shifts, ..Self::default() }
    }

    pub(super) fn place(&self, line: usize, column_from_zero: usize) -> Place {
        let column = self.shifts.column(line, column_from_zero);
        Place {
            line: u32::try_from(line.max(1)).unwrap_or(u32::MAX),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
        }
    }

    pub(super) fn fail(&mut self, place: Place, code: &str, message: impl Into<String>) {
        if !self.failed {
            self.failed = true;
            self.diagnostics.push(Diagnostic::error(place, code, message));
        }
    }

    pub(super) fn finish(self) -> Document {
        Document { root: if self.failed { None } else { self.root }, diagnostics: self.diagnostics }
    }

    fn count(&mut self, nodes: usize, place: Place) {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            self.fail(place, "too-large", format!("more than {MAX_NODES} values once aliases are expanded"));
        }
    }

    fn push_open(&mut self, open: Open, place: Place) {
        if self.open.len() >= MAX_DEPTH {
            self.fail(place, "too-deep", format!("nested more than {MAX_DEPTH} levels deep"));
            return;
        }
        self.count(1, place);
        self.open.push(open);
    }

    fn add(&mut self, node: Node) {
        match self.open.last_mut() {
            None if self.documents > 1 => {
                self.fail(
                    node.place,
                    "several-documents",
                    "a second YAML document; keep one document a file",
                );
            }
            None => self.root = Some(node),
            Some(Open::List { node: list, .. }) => {
                if let Value::List(items) = &mut list.value {
                    items.push(node);
                }
            }
            Some(Open::Map { node: map, key, indices, .. }) => match key.take() {
                None => match node.value {
                    Value::Scalar { text, .. } => {
                        *key = Some(Key { place: node.place, text });
                    }
                    Value::Null => {
                        *key = Some(Key { place: node.place, text: "null".into() });
                    }
                    Value::List(_) | Value::Map(_) => {
                        self.fail(
                            node.place,
                            "complex-key",
                            "a key must be a plain name, not a list or a mapping",
                        );
                    }
                },
                Some(key) => {
                    if let Value::Map(entries) = &mut map.value
                        && let Some(duplicate) = put(entries, indices, key, node)
                    {
                        self.diagnostics.push(duplicate);
                    }
                }
            },
        }
    }

    fn close(&mut self) {
        let (mut node, anchor) = match self.open.pop() {
            Some(Open::List { node, anchor }) => (node, anchor),
            Some(Open::Map { node, anchor, .. }) => (node, anchor),
            None => return,
        };
        merge(&mut node);
        self.anchor(anchor, &node);
        self.add(node);
    }

    fn anchor(&mut self, anchor: usize, node: &Node) {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size(node)));
        }
    }

    fn alias(&mut self, anchor: usize, place: Place) {
        let Some((_, nodes)) = self.anchors.get(&anchor) else {
            return self.fail(
                place,
                "alias",
                "an alias refers to itself or to an anchor that is not complete yet",
            );
        };
        let nodes = *nodes;
        self.count(nodes, place);
        if !self.failed
            && let Some((node, _)) = self.anchors.get(&anchor)
        {
            let node = Node { place, ..node.clone() };
            self.add(node);
        }
    }
}

/// Adds an entry; one of the same key gives way to it, with a warning.
fn put(
    entries: &mut Vec<(Key, Node)>,
    indices: &mut HashMap<String, usize>,
    key: Key,
    node: Node,
) -> Option<Diagnostic> {
    let Some(&index) = indices.get(&key.text) else {
        indices.insert(key.text.clone(), entries.len());
        entries.push((key, node));
        return None;
    };
    let shown: String = key.text.chars().filter(|c| !c.is_control()).take(60).collect();
    let first = entries[index].0.place;
    let message =
        format!("the key `{shown}` stands twice (first at {first}); the last one counts; remove one");
    let diagnostic = Diagnostic::warning(key.place, "duplicate-key", message);
    entries[index] = (key, node);
    Some(diagnostic)
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Null | Value::Scalar { .. } => 0,
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(|(_, value)| size(value)).sum::<usize>(),
    }
}

/// Resolves YAML 1.1's merge key `<<`, which real buildspecs use with anchors.
fn merge(node: &mut Node) {
    let Value::Map(entries) = &mut node.value else {
        return;
    };
    let Some(index) = entries.iter().position(|(key, _)| key.text == "<<") else {
        return;
    };
    let (_, merged) = entries.remove(index);
    let sources = match merged.value {
        Value::List(items) => items,
        Value::Map(_) => vec![merged],
        Value::Null | Value::Scalar { .. } => vec![],
    };
    let mut present: HashSet<String> = entries.iter().map(|(key, _)| key.text.clone()).collect();
    for source in sources {
        if let Value::Map(inherited) = source.value {
            for (key, value) in inherited {
                if present.insert(key.text.clone()) {
                    entries.push((key, value));
                }
            }
        }
    }
}

impl Builder {
    /// Takes the events one by one: the parser's own loading recurses and would run out of stack before [`MAX_DEPTH`]
    /// is noticed.
    pub(super) fn read(&mut self, text: &str) -> Result<(), ScanError> {
        for event in Parser::new_from_str(text) {
            let (event, span) = event?;
            self.on_event(event, span);
            if self.failed {
                break;
            }
        }
        Ok(())
    }

    fn on_event(&mut self, event: Event<'_>, span: Span) {
        let place = self.place(span.start.line(), span.start.col());
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => self.documents += 1,
            Event::Alias(anchor) => self.alias(anchor, place),
            Event::Scalar(text, style, anchor, tag) => {
                self.count(1, place);
                let tag = tag.map(|tag| tag.to_string());
                let plain = matches!(style, ScalarStyle::Plain);
                let null = plain && tag.is_none() && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if null { Value::Null } else { Value::Scalar { text: text.into_owned(), plain } };
                let node = Node { place, tag, value };
                self.anchor(anchor, &node);
                self.add(node);
            }
            Event::SequenceStart(anchor, tag) => {
                let node = Node { place, tag: tag.map(|tag| tag.to_string()), value: Value::List(vec![]) };
                self.push_open(Open::List { node, anchor }, place);
            }
            Event::MappingStart(anchor, tag) => {
                let node = Node { place, tag: tag.map(|tag| tag.to_string()), value: Value::Map(vec![]) };
                self.push_open(Open::Map { node, key: None, indices: HashMap::new(), anchor }, place);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
        }
    }
}
