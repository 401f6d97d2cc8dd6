//! Recognises what a file is from its content, and from its name where the content does not tell.

use crate::document::{Document, Node};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A pipeline's definition in either spelling.
    Pipeline,
    /// A `CloudFormation` template, with or without pipelines.
    CloudFormation,
    /// `buildspec.yml`.
    Buildspec,
    /// `appspec.yml`.
    Appspec,
    /// None of these.
    Unknown,
}

/// What `document` is; `file_name` decides only what its content leaves open, such as an empty or broken file.
pub fn recognise(file_name: &str, document: &Document) -> Kind {
    document.root.as_ref().and_then(from_content).unwrap_or_else(|| from_name(file_name))
}

fn from_content(root: &Node) -> Option<Kind> {
    let has = |key: &str| root.get(key).is_some();
    if is_template(root) {
        return Some(Kind::CloudFormation);
    }
    if has("stages") || root.get("pipeline").is_some_and(|node| node.map().is_some()) {
        return Some(Kind::Pipeline);
    }
    if has("phases") || has("batch") {
        return Some(Kind::Buildspec);
    }
    if has("os")
        || has("hooks")
        || has("Hooks")
        || has("Resources")
        || has("resources")
        || (has("files") && has("version"))
    {
        return Some(Kind::Appspec);
    }
    (has("version") && (has("env") || has("artifacts") || has("reports"))).then_some(Kind::Buildspec)
}

/// A template names its format or maps logical ids to resources with `Type`s; an appspec's `Resources` is a list.
fn is_template(root: &Node) -> bool {
    let resource =
        |node: &Node| node.get("Type").and_then(Node::text).is_some_and(|kind| kind.contains("::"));
    root.get("AWSTemplateFormatVersion").is_some()
        || root.get("version").is_none()
            && root
                .get("Resources")
                .and_then(Node::map)
                .is_some_and(|resources| resources.iter().any(|(_, node)| resource(node)))
}

fn from_name(file_name: &str) -> Kind {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    if name.contains("buildspec") {
        Kind::Buildspec
    } else if name.contains("appspec") {
        Kind::Appspec
    } else if name.contains("pipeline") || name.starts_with("penstock.") {
        Kind::Pipeline
    } else {
        Kind::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse;

    #[test]
    fn content_tells() {
        let table = [
            ("name: a\nstages: []\n", Kind::Pipeline),
            ("{\"pipeline\": {\"name\": \"a\"}, \"metadata\": {}}", Kind::Pipeline),
            ("AWSTemplateFormatVersion: 2010-09-09\n", Kind::CloudFormation),
            ("Resources:\n  P:\n    Type: AWS::CodePipeline::Pipeline\n", Kind::CloudFormation),
            ("version: 0.2\nphases:\n  build: {commands: [ls]}\n", Kind::Buildspec),
            ("version: 0.2\nbatch: {}\n", Kind::Buildspec),
            ("version: 0.2\nenv: {}\n", Kind::Buildspec),
            ("version: 0.0\nos: linux\nfiles: []\n", Kind::Appspec),
            ("version: 0.0\nResources:\n  - T:\n      Type: AWS::ECS::Service\n", Kind::Appspec),
            ("version: 0.0\nResources:\n  T: {Type: AWS::ECS::Service}\n", Kind::Appspec),
            ("version: 0.0\nhooks: {}\n", Kind::Appspec),
            ("hello: world\n", Kind::Unknown),
            ("- 1\n", Kind::Unknown),
        ];
        for (source, expected) in table {
            assert_eq!(recognise("x.yml", &parse(source)), expected, "{source}");
        }
    }

    #[test]
    fn the_name_tells_what_the_content_does_not() {
        assert_eq!(recognise("a/buildspec-test.yml", &parse("")), Kind::Buildspec);
        assert_eq!(recognise("appspec.yml", &parse("a: [")), Kind::Appspec);
        assert_eq!(recognise("penstock.yml", &parse("hello: 1")), Kind::Pipeline);
    }
}
