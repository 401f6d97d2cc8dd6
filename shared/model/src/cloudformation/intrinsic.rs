//! `CloudFormation`'s functions, in YAML's short form (`!Ref X`) or the long one (`{"Ref": "X"}`), and the text that
//! stands for their result.

use crate::document::{Node, Value};

/// Marks a scalar that stands for what a deployment computes.
pub(super) const COMPUTED: &str = "!Computed";

/// A function and what it is applied to.
pub(super) struct Intrinsic<'a> {
    /// Without `Fn::`.
    pub(super) name: &'a str,
    pub(super) argument: Argument<'a>,
}

/// In the short form the node itself is the argument, behind its tag.
#[derive(Clone, Copy)]
pub(super) enum Argument<'a> {
    Text(&'a str),
    List(&'a [Node]),
    Other,
}

pub(super) fn of(node: &Node) -> Option<Intrinsic<'_>> {
    if let Some(name) =
        node.tag.as_deref().and_then(|tag| tag.strip_prefix('!')).filter(|name| !name.starts_with('!'))
    {
        return Some(Intrinsic { name, argument: argument(node) });
    }
    let [(key, value)] = node.map()? else { return None };
    let name = if key.text == "Ref" { "Ref" } else { key.text.strip_prefix("Fn::")? };
    // These two are CodePipeline's own, for parameter overrides.
    (!matches!(name, "GetArtifactAtt" | "GetParam")).then(|| Intrinsic { name, argument: argument(value) })
}

fn argument(node: &Node) -> Argument<'_> {
    match &node.value {
        Value::Scalar { text, .. } => Argument::Text(text),
        Value::List(items) => Argument::List(items),
        Value::Null | Value::Map(_) => Argument::Other,
    }
}

impl Intrinsic<'_> {
    /// The text that stands for the result, such as `${Bucket}`.
    pub(super) fn placeholder(&self) -> String {
        match (self.name, self.argument) {
            ("Sub", Argument::Text(text)) => text.to_owned(),
            ("Sub", Argument::List([text, ..])) => text_of(text),
            ("Ref" | "GetAtt" | "ImportValue", Argument::Text(text)) => wrapped(text),
            ("GetAtt" | "FindInMap", Argument::List(items)) => {
                let names: Vec<String> =
                    items.iter().map(|item| text_of(item).replace(['$', '{', '}'], "")).collect();
                wrapped(&names.join("."))
            }
            ("Join", Argument::List([delimiter, items])) if items.list().is_some() => {
                let texts: Vec<String> = items.list().unwrap_or_default().iter().map(text_of).collect();
                texts.join(&text_of(delimiter))
            }
            (name, _) => wrapped(name),
        }
    }
}

fn wrapped(text: &str) -> String {
    if text.contains("${") { text.to_owned() } else { format!("${{{text}}}") }
}

fn text_of(node: &Node) -> String {
    match of(node) {
        Some(intrinsic) => intrinsic.placeholder(),
        None => node.text().map_or_else(|| "${…}".to_owned(), ToOwned::to_owned),
    }
}
