//! The EC2/on-premises shape: `os`, `files`, `file_exists_behavior`; its other keys have modules of their own.

use penstock_model::diagnostic::Place;
use penstock_model::document::Node;

use super::checker::Checker;
use super::{hooks, permissions};
use crate::appspec::{FileExistsBehavior, FileRule, Os, Server};
use crate::path::RelativePath;

const KEYS: [&str; 6] = ["version", "os", "files", "file_exists_behavior", "permissions", "hooks"];

pub(super) fn read(checker: &mut Checker, root: &Node) -> Option<Server> {
    checker.unknown_keys(root.map()?, &KEYS, "the appspec");
    let os = os(checker, root);
    let windows = os == Some(Os::Windows);
    let files = root.get("files").map(|node| files(checker, node, windows)).unwrap_or_default();
    let behavior = root.get("file_exists_behavior").and_then(|node| behavior(checker, node));
    let rules = root.get("permissions").map(|node| permissions::read(checker, node)).unwrap_or_default();
    if let Some(node) = root.get("permissions").filter(|node| windows && !node.is_null()) {
        checker.error(node.place, "permissions-on-windows", "`permissions` are for linux only; remove them");
    }
    let hooks = root.get("hooks").map(|node| hooks::read(checker, node, windows)).unwrap_or_default();
    Some(Server { os: os?, files, file_exists_behavior: behavior, permissions: rules, hooks })
}

fn os(checker: &mut Checker, root: &Node) -> Option<Os> {
    let Some(node) = root.get("os") else {
        let message =
            "`os` is missing; write `os: linux` (or `Resources` for a Lambda function or an ECS service)";
        checker.error(root.place, "os-missing", message);
        return None;
    };
    match checker.text(node, "os")? {
        "linux" => Some(Os::Linux),
        "windows" => Some(Os::Windows),
        other => {
            let message = format!("`os` must be exactly `linux` or `windows`, this is `{other}`");
            checker.error(node.place, "os-unknown", message);
            None
        }
    }
}

fn behavior(checker: &mut Checker, node: &Node) -> Option<FileExistsBehavior> {
    let text = checker.text(node, "file_exists_behavior")?;
    let behavior = FileExistsBehavior::named(text);
    if behavior.is_none() {
        let message = format!(
            "`file_exists_behavior` is DISALLOW, OVERWRITE or RETAIN in upper case, this is `{text}`"
        );
        checker.error(node.place, "file-exists-behavior", message);
    }
    behavior
}

fn files(checker: &mut Checker, node: &Node, windows: bool) -> Vec<FileRule> {
    let rules: Vec<(Place, FileRule)> = checker
        .items(node, "`files`")
        .iter()
        .filter_map(|item| Some((item.place, file(checker, item, windows)?)))
        .collect();
    overlaps(checker, &rules);
    rules.into_iter().map(|(_, rule)| rule).collect()
}

fn file(checker: &mut Checker, item: &Node, windows: bool) -> Option<FileRule> {
    let entries = checker.entries(item, "an entry of `files`")?;
    for (key, _) in entries {
        if key.text == "file_exists_behavior" {
            let message =
                "`file_exists_behavior` counts at the top level only and is ignored here; move it there";
            checker.warn(key.place, "misplaced-key", message);
        }
    }
    checker.unknown_keys(entries, &["source", "destination", "file_exists_behavior"], "an entry of `files`");
    let source = checker.required_text(item, "source", "an entry of `files`");
    let destination = checker.required_text(item, "destination", "an entry of `files`");
    let source = source.and_then(|node| source_path(checker, node, windows));
    let destination = destination.and_then(|node| destination_path(checker, node, windows));
    Some(FileRule { source: source?, destination: destination? })
}

fn source_path(checker: &mut Checker, node: &Node, windows: bool) -> Option<RelativePath> {
    let text = node.text()?;
    if text.contains(['*', '?']) && !windows {
        let message =
            format!("`source` takes no wildcards; `{text}` is looked for literally; name the folder instead");
        checker.warn(node.place, "source-wildcard", message);
    }
    path(checker, node, &separators(text, windows), "source-leaves", "a source lies in the revision")
}

fn destination_path(checker: &mut Checker, node: &Node, windows: bool) -> Option<RelativePath> {
    let text = node.text()?;
    let absolute =
        if windows { drive(text).is_some() || text.starts_with(['\\', '/']) } else { text.starts_with('/') };
    if !absolute {
        let example = if windows { "c:\\web" } else { "/srv/web" };
        let message =
            format!("`destination` must be a fully qualified path such as {example}, this is `{text}`");
        checker.error(node.place, "destination-relative", message);
        return None;
    }
    let text = if windows { drive(text).unwrap_or(text) } else { text };
    let rule = "a destination lies beneath the instance's folder";
    path(checker, node, &separators(text, windows), "destination-leaves", rule)
}

/// What follows `c:`.
fn drive(text: &str) -> Option<&str> {
    let rest = text.strip_prefix(|c: char| c.is_ascii_alphabetic())?;
    rest.strip_prefix(':')
}

fn separators(text: &str, windows: bool) -> String {
    if windows { text.replace('\\', "/") } else { text.into() }
}

/// Reads a path; `rule` says why it may not lead out.
pub(super) fn path(
    checker: &mut Checker,
    node: &Node,
    text: &str,
    code: &str,
    rule: &str,
) -> Option<RelativePath> {
    match RelativePath::new(text) {
        Ok(path) => Some(path),
        Err(error) => {
            checker.error(node.place, code, format!("{error}; {rule}"));
            None
        }
    }
}

fn overlaps(checker: &mut Checker, rules: &[(Place, FileRule)]) {
    for (index, (place, rule)) in rules.iter().enumerate() {
        let twin = rules[..index].iter().find(|(_, other)| {
            other.destination == rule.destination && other.source.name() == rule.source.name()
        });
        match twin {
            Some((first, other)) if other.source == rule.source => {
                let message =
                    format!("the same source goes to the same destination at {first}; remove one of them");
                checker.error(*place, "files-twice", message);
            }
            Some((first, other)) => {
                let message = format!(
                    "{} and {} (at {first}) have one name and one destination; Install fails if both are files",
                    rule.source, other.source
                );
                checker.warn(*place, "files-overlap", message);
            }
            None => {}
        }
    }
}
