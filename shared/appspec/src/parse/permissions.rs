//! `permissions` of the EC2/on-premises shape.

use std::fmt::Display;

use penstock_model::diagnostic::Place;
use penstock_model::document::Node;

use super::checker::Checker;
use super::server::path;
use crate::acl::AclEntry;
use crate::appspec::PermissionRule;
use crate::mode::Mode;
use crate::pattern::{Glob, Pattern};

const KEYS: [&str; 9] = ["object", "pattern", "except", "owner", "group", "mode", "acls", "context", "type"];

pub(super) fn read(checker: &mut Checker, node: &Node) -> Vec<PermissionRule> {
    let items = checker.items(node, "`permissions`");
    let rules: Vec<_> = items.iter().filter_map(|item| rule(checker, item)).collect();
    overlaps(checker, &rules);
    rules
}

fn rule(checker: &mut Checker, item: &Node) -> Option<PermissionRule> {
    let what = "an entry of `permissions`";
    let entries = checker.entries(item, what)?;
    checker.unknown_keys(entries, &KEYS, what);
    let object = checker.required_text(item, "object", what).and_then(|node| {
        let text = node.text()?;
        if !text.starts_with('/') {
            let message =
                format!("`object` should be a fully qualified path; `{text}` is taken as `/{text}`");
            checker.warn(node.place, "object-relative", message);
        }
        path(checker, node, text, "object-leaves", "an object lies beneath the instance's folder")
    });
    let pattern = checker.optional_text(item, "pattern").map_or(Pattern::All, |text| Pattern::new(&text));
    let except =
        texts(checker, item, "except").into_iter().map(|node| Glob::new(node.text().unwrap_or_default()));
    let except = except.collect();
    let (files, directories) = kinds(checker, item);
    let owner = checker.optional_text(item, "owner");
    let group = checker.optional_text(item, "group");
    let mode = mode(checker, item, owner.is_some() || group.is_some());
    let acls = acls(checker, item, files && !directories);
    let context = context(checker, item);
    let place = item.place;
    Some(PermissionRule {
        object: object?,
        pattern,
        except,
        files,
        directories,
        owner,
        group,
        mode,
        acls,
        context,
        place,
    })
}

/// The texts of a list under `key`, which may be missing.
fn texts<'n>(checker: &mut Checker, item: &'n Node, key: &str) -> Vec<&'n Node> {
    let Some(node) = item.get(key) else { return vec![] };
    let items = checker.items(node, &format!("`{key}`"));
    items.iter().filter(|item| checker.text(item, key).is_some()).collect()
}

fn kinds(checker: &mut Checker, item: &Node) -> (bool, bool) {
    let (mut files, mut directories) = (false, false);
    let items = texts(checker, item, "type");
    for node in &items {
        match node.text() {
            Some("file") => files = true,
            Some("directory") => directories = true,
            other => {
                let message =
                    format!("`type` lists `file` and `directory`, this is `{}`", other.unwrap_or_default());
                checker.error(node.place, "permission-type", message);
            }
        }
    }
    if items.is_empty() { (true, true) } else { (files, directories) }
}

/// Read from the raw text: `0644` means what it says, although YAML has it as a number.
fn mode(checker: &mut Checker, item: &Node, owned: bool) -> Option<Mode> {
    let node = item.get("mode").filter(|node| !node.is_null())?;
    let text = checker.text(node, "mode")?;
    let mode = report(checker, node.place, "mode", Mode::new(text))?;
    let plain = matches!(node.value, penstock_model::document::Value::Scalar { plain: true, .. });
    if plain && node.text().is_some_and(|text| text.len() > 1 && text.starts_with('0')) {
        let message = "CodeDeploy's agent reads an unquoted mode with a leading zero as another number \
                       (0644 becomes 0420); quote it or leave the zero out";
        checker.warn(node.place, "mode-leading-zero", message);
    }
    if owned && mode.sets_id() {
        let message = "the owner is set after the mode, which clears setuid and setgid, as with CodeDeploy's agent; \
                       set them in an AfterInstall script";
        checker.warn(node.place, "mode-set-id", message);
    }
    Some(mode)
}

fn acls(checker: &mut Checker, item: &Node, files_only: bool) -> Vec<AclEntry> {
    let mut entries = vec![];
    for node in texts(checker, item, "acls") {
        let Some(entry) = report(checker, node.place, "acl", AclEntry::new(node.text().unwrap_or_default()))
        else {
            continue;
        };
        if files_only && entry.is_default() {
            checker.error(node.place, "acl-default", "only a directory has default acl entries; remove `d:`");
        }
        entries.push(entry);
    }
    entries
}

/// Checked, not kept: contexts are refused at Install, where the way out can be named.
fn context(checker: &mut Checker, item: &Node) -> bool {
    let Some(node) = item.get("context").filter(|node| !node.is_null()) else {
        return false;
    };
    let what = "`context`";
    let Some(entries) = checker.entries(node, what) else {
        return false;
    };
    for (key, _) in entries.iter().filter(|(key, _)| key.text == "user") {
        let message = "CodeDeploy's agent reads the SELinux user from `name`; `user` is ignored; rename it";
        checker.warn(key.place, "context-user", message);
    }
    checker.unknown_keys(entries, &["name", "user", "type", "range"], what);
    checker.required_text(node, "type", what);
    if node.get("range").is_none() {
        checker.warn(
            node.place,
            "context-range",
            "CodeDeploy's agent fails on a context without `range`; add one",
        );
    }
    true
}

fn report<T, E: Display>(checker: &mut Checker, place: Place, code: &str, result: Result<T, E>) -> Option<T> {
    result.map_err(|error| checker.error(place, code, error.to_string())).ok()
}

fn overlaps(checker: &mut Checker, rules: &[PermissionRule]) {
    for (index, rule) in rules.iter().enumerate() {
        let twin = rules[..index].iter().find(|other| {
            let kinds = other.files && rule.files || other.directories && rule.directories;
            let excepting = !other.except.is_empty() || !rule.except.is_empty();
            kinds && !excepting && other.object == rule.object && other.pattern == rule.pattern
        });
        if let Some(first) = twin {
            let message = format!(
                "object and pattern are those of the entry at {}; Install fails when both match a path; narrow one",
                first.place
            );
            checker.warn(rule.place, "permissions-overlap", message);
        }
    }
}
