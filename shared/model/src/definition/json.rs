//! An API request's JSON as a tree whose places are numbers of paths, so that files and requests meet the same rules.

use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Place};
use crate::document::{Key, MAX_DEPTH, MAX_NODES, Node, Value};

/// A tree and the path of each of its values: the value at column `n` has the path `paths[n - 1]`.
pub(super) struct Numbered {
    /// `None` when the request exceeds the limits of a file.
    pub(super) root: Option<Node>,
    paths: Vec<String>,
}

pub(super) fn number(value: &Json) -> Numbered {
    let mut numbered = Numbered { root: None, paths: Vec::new() };
    numbered.root = numbered.node(value, &mut String::new(), 0);
    numbered
}

impl Numbered {
    /// Puts the path before each message and the place to the start.
    pub(super) fn name_paths(&self, diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
        diagnostics.into_iter().map(|diagnostic| self.name_path(diagnostic)).collect()
    }

    fn name_path(&self, diagnostic: Diagnostic) -> Diagnostic {
        let index = usize::try_from(diagnostic.place.column).unwrap_or(0).wrapping_sub(1);
        let message = match self.paths.get(index) {
            Some(path) if !path.is_empty() => format!("{path}: {}", diagnostic.message),
            Some(_) | None => diagnostic.message,
        };
        Diagnostic { place: Place::START, message, ..diagnostic }
    }

    fn place(&mut self, path: &str) -> Place {
        self.paths.push(path.to_owned());
        Place { line: 1, column: u32::try_from(self.paths.len()).unwrap_or(u32::MAX) }
    }

    fn node(&mut self, value: &Json, path: &mut String, depth: usize) -> Option<Node> {
        if depth > MAX_DEPTH || self.paths.len() > MAX_NODES {
            return None;
        }
        let place = self.place(path);
        let scalar = |text: String, plain: bool| Value::Scalar { text, plain };
        let value = match value {
            Json::Null => Value::Null,
            Json::Bool(flag) => scalar(flag.to_string(), true),
            Json::Number(number) => scalar(number.to_string(), true),
            Json::String(text) => scalar(text.clone(), false),
            Json::Array(items) => Value::List(self.list(items, path, depth)?),
            Json::Object(entries) => Value::Map(self.map(entries, path, depth)?),
        };
        Some(Node { place, tag: None, value })
    }

    fn list(&mut self, items: &[Json], path: &mut String, depth: usize) -> Option<Vec<Node>> {
        let length = path.len();
        let mut nodes = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(path, "[{index}]");
            nodes.push(self.node(item, path, depth + 1)?);
            path.truncate(length);
        }
        Some(nodes)
    }

    fn map(
        &mut self,
        entries: &serde_json::Map<String, Json>,
        path: &mut String,
        depth: usize,
    ) -> Option<Vec<(Key, Node)>> {
        let length = path.len();
        let mut nodes = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            if !path.is_empty() {
                path.push('.');
            }
            // A path is for reading; a key can be as long as the request.
            path.extend(key.chars().filter(|c| !c.is_control()).take(60));
            let place = self.place(path);
            let node = self.node(value, path, depth + 1)?;
            nodes.push((Key { place, text: key.clone() }, node));
            path.truncate(length);
        }
        Some(nodes)
    }
}
