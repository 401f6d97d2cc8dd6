//! A YAML or JSON file as a tree in which every node knows its place and every scalar keeps its raw text.
//!
//! Raw text matters: `8.0` must stay `8.0`, `755` is octal to `CodeDeploy`, `NO` reaches a build as `NO`.
//! What a scalar means is asked with [`Node::flag`], [`Node::text`] and the like, by the format that knows.

mod builder;
mod indentation;

use crate::diagnostic::{Diagnostic, Place};
use builder::Builder;
use indentation::Indented;

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// The deepest nesting that is read.
pub const MAX_DEPTH: usize = 64;
/// The most nodes that a file may have once its aliases are expanded.
pub const MAX_NODES: usize = 200_000;

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where the value starts.
    pub place: Place,
    /// The tag written before the value, such as `!Ref`.
    pub tag: Option<String>,
    /// The value.
    pub value: Value,
}

/// What a [`Node`] holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing, `null` or `~`.
    Null,
    /// A scalar's raw text; `plain` is false if it was quoted or a block scalar, and then it is always a string.
    Scalar {
        /// The text, escapes resolved.
        text: String,
        /// Written without quotes.
        plain: bool,
    },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order of the file. Duplicate keys are reported and the last one counts.
    Map(Vec<(Key, Node)>),
}

/// A mapping's key with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Where the key stands.
    pub place: Place,
    /// The key's text.
    pub text: String,
}

/// What was read: the tree, if the syntax held, and everything noticed on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The root; `None` when the syntax is broken (then `diagnostics` has an error) or the file is empty.
    pub root: Option<Node>,
    /// Syntax errors and duplicate keys.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads one YAML or JSON document.
///
/// Files larger than [`MAX_BYTES`], deeper than [`MAX_DEPTH`] or, with aliases expanded, larger than
/// [`MAX_NODES`] are refused, so that a small file cannot exhaust memory.
pub fn parse(source: &str) -> Document {
    if source.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; at most {MAX_BYTES} are read; split it", source.len());
        return Document {
            root: None,
            diagnostics: vec![Diagnostic::error(Place::START, "too-large", message)],
        };
    }
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let mut source = Indented::new(source);
    loop {
        let mut builder = Builder::new(source.shifts.clone());
        let Err(error) = builder.read(&source.text) else {
            return builder.finish();
        };
        if !source.indent(&error) {
            let mark = error.marker();
            let place = builder.place(mark.line(), mark.col());
            builder.fail(place, "syntax", syntax_message(&source.text, mark.line(), error.info()));
            return builder.finish();
        }
    }
}

fn syntax_message(source: &str, line: usize, info: &str) -> String {
    let text = source.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let json = source.trim_start().starts_with(['{', '[']);
    if !json && text.trim_start_matches(' ').starts_with('\t') {
        return format!("{info}; the line is indented with a tab, and YAML allows only spaces there");
    }
    format!("not valid YAML or JSON: {info}")
}

impl Node {
    /// The raw text of a scalar; `None` for null, lists and mappings.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The items of a list.
    pub fn list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            Value::Null | Value::Scalar { .. } | Value::Map(_) => None,
        }
    }

    /// The entries of a mapping, in the order of the file.
    pub fn map(&self) -> Option<&[(Key, Node)]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            Value::Null | Value::Scalar { .. } | Value::List(_) => None,
        }
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// The value under `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.map()?.iter().find(|(other, _)| other.text == key).map(|(_, node)| node)
    }

    /// A YAML 1.1 boolean: `yes`, `no`, `true`, `false`, `on`, `off` in any of the usual cases, quoted or not.
    pub fn flag(&self) -> Option<bool> {
        match self.text()?.to_ascii_lowercase().as_str() {
            "yes" | "true" | "on" => Some(true),
            "no" | "false" | "off" => Some(false),
            _ => None,
        }
    }

    /// A decimal integer, quoted or not.
    pub fn integer(&self) -> Option<i64> {
        self.text()?.trim().parse().ok()
    }

    /// What this is, for a message: `a list`, `a mapping`, `null`, `a scalar`.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Scalar { .. } => "a scalar",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The tree as JSON: plain scalars that are JSON numbers or booleans become such, others strings.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Scalar { text, plain } => plain_json(text, *plain),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.text.clone(), value.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

fn plain_json(text: &str, plain: bool) -> serde_json::Value {
    if plain {
        match text {
            "true" | "True" | "TRUE" => return true.into(),
            "false" | "False" | "FALSE" => return false.into(),
            _ => {}
        }
        if let Ok(number) = text.parse::<serde_json::Number>()
            && number.to_string() == text
        {
            return number.into();
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_text_and_places_are_kept() {
        let document = parse("version: 0.2\nruntime-versions:\n  java: 8.0\n  flag: NO\n");
        let root = document.root.unwrap();
        let java = root.get("runtime-versions").unwrap().get("java").unwrap();
        assert_eq!((java.text(), java.place), (Some("8.0"), Place { line: 3, column: 9 }));
        assert_eq!(root.get("runtime-versions").unwrap().get("flag").unwrap().flag(), Some(false));
    }

    #[test]
    fn json_is_read() {
        let root = parse("{\n\t\"a\": [1, true, null, \"x\"]\n}").root.unwrap();
        assert_eq!(root.to_json(), serde_json::json!({"a": [1, true, null, "x"]}));
    }

    #[test]
    fn duplicate_keys_are_reported_and_the_last_counts() {
        let document = parse("a: 1\na: 2\n");
        assert_eq!(document.root.unwrap().get("a").unwrap().text(), Some("2"));
        assert_eq!(document.diagnostics[0].code, "duplicate-key");
    }

    #[test]
    fn anchors_and_merge_keys_expand() {
        let root = parse("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n").root.unwrap();
        assert_eq!(root.get("use").unwrap().to_json(), serde_json::json!({"y": 3, "x": 1}));
    }

    #[test]
    fn alias_bombs_and_depth_are_refused() {
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..8 {
            let previous = format!("*a{}", level - 1);
            bomb += &format!("a{level}: &a{level} [{}]\n", vec![previous; 10].join(","));
        }
        assert_eq!(parse(&bomb).diagnostics[0].code, "too-large");
        for deep in ["[".repeat(200), "- ".repeat(400_000), "? ".repeat(400_000), "{a: ".repeat(200)] {
            let document = parse(&deep);
            assert!(document.root.is_none());
            assert_eq!(document.diagnostics[0].code, "too-deep");
        }
    }

    #[test]
    fn a_tab_is_named() {
        let document = parse("a:\n\tb: 1\n");
        assert!(document.root.is_none());
        assert!(document.diagnostics[0].message.contains("tab"), "{:?}", document.diagnostics);
    }
}
