//! From a template's properties to a definition in the API's spelling, with every `Fn::If` decided one way.

use std::collections::HashMap;

use super::intrinsic::{self, Argument, COMPUTED, Intrinsic};
use crate::definition::findings::{Findings, quoted};
use crate::document::{Document, Key, Node, Value};

/// Properties of the resource that are no part of a definition, with what to do instead.
const NOT_IMPORTED: [(&str, &str); 3] = [
    ("DisableInboundStageTransitions", "close the transition after the import, with `penstock disable`"),
    ("RestartExecutionOnUpdate", "start an execution yourself, with `penstock start`"),
    ("Tags", "there are no tags here"),
];
/// Where a parameter counts with its default, because only certain words or numbers can stand there.
const CHOICES: [&str; 8] = [
    "Category",
    "Owner",
    "Provider",
    "Version",
    "RunOrder",
    "ExecutionMode",
    "PipelineType",
    "TimeoutInMinutes",
];

/// A template under one decision of its conditions.
pub(super) struct Template<'a> {
    defaults: HashMap<&'a str, &'a Node>,
    branch: bool,
    /// Whether a `Fn::If` was met.
    pub(super) has_branches: bool,
}

impl<'a> Template<'a> {
    pub(super) fn new(document: &'a Document, branch: bool) -> Self {
        let parameters = document.root.as_ref().and_then(|root| root.get("Parameters")).and_then(Node::map);
        let default = |(key, node): &'a (Key, Node)| Some((key.text.as_str(), node.get("Default")?));
        Self {
            defaults: parameters.unwrap_or_default().iter().filter_map(default).collect(),
            branch,
            has_branches: false,
        }
    }

    /// The properties of the pipeline `id` as a definition.
    pub(super) fn pipeline(&mut self, id: &Key, properties: &Node, findings: &mut Findings) -> Option<Node> {
        let mut node = self.convert(properties, "", false)?;
        let Value::Map(entries) = &mut node.value else {
            return Some(node);
        };
        entries.retain(|(key, _)| is_imported(key, findings));
        if !entries.iter().any(|(key, _)| key.text == "name") {
            // CloudFormation would make up a name from the stack's and this one.
            let name = Node {
                place: id.place,
                tag: None,
                value: Value::Scalar { text: id.text.clone(), plain: false },
            };
            entries.push((Key { place: id.place, text: "name".into() }, name));
        }
        if let Some((_, stores)) = entries.iter_mut().find(|(key, _)| key.text == "artifactStores") {
            by_region(stores);
        }
        Some(node)
    }

    /// `None` for `AWS::NoValue`. Below `Configuration` the keys are the provider's and stay as they are.
    fn convert(&mut self, node: &Node, key: &str, verbatim: bool) -> Option<Node> {
        if let Some(intrinsic) = intrinsic::of(node) {
            return self.resolve(node, &intrinsic, key, verbatim);
        }
        let value = match &node.value {
            Value::Null => Value::Null,
            Value::Scalar { text, plain } => Value::Scalar { text: text.clone(), plain: *plain },
            Value::List(items) => {
                Value::List(items.iter().filter_map(|item| self.convert(item, key, verbatim)).collect())
            }
            Value::Map(entries) => Value::Map(self.convert_entries(entries, verbatim)),
        };
        Some(Node { place: node.place, tag: node.tag.clone(), value })
    }

    fn convert_entries(&mut self, entries: &[(Key, Node)], verbatim: bool) -> Vec<(Key, Node)> {
        let mut converted = Vec::with_capacity(entries.len());
        for (key, node) in entries {
            let configuration = verbatim || key.text == "Configuration";
            if let Some(value) = self.convert(node, &key.text, configuration) {
                let text = if verbatim || NOT_IMPORTED.iter().any(|(name, _)| *name == key.text) {
                    key.text.clone()
                } else {
                    decapitalised(&key.text)
                };
                converted.push((Key { place: key.place, text }, value));
            }
        }
        converted
    }

    fn resolve(&mut self, node: &Node, intrinsic: &Intrinsic<'_>, key: &str, verbatim: bool) -> Option<Node> {
        match (intrinsic.name, intrinsic.argument) {
            ("Ref", Argument::Text("AWS::NoValue")) => return None,
            ("If", Argument::List([_, yes, no])) => {
                self.has_branches = true;
                return self.convert(if self.branch { yes } else { no }, key, verbatim);
            }
            ("Ref", Argument::Text(parameter)) if !verbatim && CHOICES.contains(&key) => {
                if let Some(default) = self.defaults.get(parameter) {
                    return Some(Node { place: node.place, ..(*default).clone() });
                }
            }
            _ => {}
        }
        let text = intrinsic.placeholder();
        let literal = intrinsic.name == "Sub" && !text.contains("${");
        let tag = (!literal).then(|| COMPUTED.to_owned());
        Some(Node { place: node.place, tag, value: Value::Scalar { text, plain: false } })
    }
}

fn is_imported(key: &Key, findings: &mut Findings) -> bool {
    let Some((name, instead)) = NOT_IMPORTED.iter().find(|(name, _)| *name == key.text) else {
        return true;
    };
    findings.warning(key.place, "not-imported", format!("{} is not imported: {instead}", quoted(name)));
    false
}

/// `ActionTypeId` → `actionTypeId`.
fn decapitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + chars.as_str())
}

/// The template's list of stores with their regions as the API's map.
fn by_region(stores: &mut Node) {
    let Value::List(items) = &stores.value else { return };
    let entry = |item: &Node| {
        let region = item.get("region")?;
        Some((
            Key { place: region.place, text: region.text()?.to_owned() },
            item.get("artifactStore")?.clone(),
        ))
    };
    if let Some(entries) = items.iter().map(entry).collect::<Option<Vec<_>>>() {
        stores.value = Value::Map(entries);
    }
}
