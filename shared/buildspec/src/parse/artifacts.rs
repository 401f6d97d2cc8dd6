//! The `artifacts` and `cache` blocks.

use globset::GlobBuilder;
use penstock_model::document::{Key, Node};

use super::reader::Reader;
use crate::definition::{Artifacts, Cache, CacheAction, FileSet};

const KEYS: [&str; 8] = [
    "files",
    "name",
    "discard-paths",
    "base-directory",
    "exclude-paths",
    "enable-symlinks",
    "s3-prefix",
    "secondary-artifacts",
];
const CACHE_KEYS: [&str; 4] = ["action", "key", "fallback-keys", "paths"];
const MAX_FALLBACK_KEYS: usize = 5;
const MAX_SECONDARY: usize = 12;

pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<Artifacts> {
    if node.is_null() {
        reader.warn(node.place, "empty", "`artifacts` is empty; fill it or remove it");
        return None;
    }
    let mut artifacts = Artifacts { primary: files(reader, node, true), secondary: Vec::new() };
    if let Some(secondary) = node.get("secondary-artifacts") {
        artifacts.secondary = read_secondary(reader, secondary);
    }
    if artifacts.primary.files.is_empty() {
        if artifacts.secondary.is_empty() {
            reader.warn(
                node.place,
                "missing-files",
                "`artifacts` names no `files`, so nothing is collected; add them",
            );
        } else {
            let message =
                "`artifacts` names no `files` of its own; CodeBuild asks for them even if all are secondary";
            reader.warn(node.place, "missing-files", message);
        }
    }
    Some(artifacts)
}

fn read_secondary(reader: &mut Reader, node: &Node) -> Vec<(String, FileSet)> {
    let entries = reader.entries(node, "`secondary-artifacts`");
    if entries.len() > MAX_SECONDARY {
        let message =
            format!("{} secondary artifacts; CodeBuild takes at most {MAX_SECONDARY}", entries.len());
        reader.error(node.place, "too-many-artifacts", message);
    }
    let mut found = Vec::new();
    for (key, node) in entries {
        let set = files(reader, node, false);
        if set.files.is_empty() {
            let message =
                format!("secondary artifact `{}` names no `files`; add for example `- '**/*'`", key.text);
            reader.error(key.place, "missing-files", message);
        }
        found.push((key.text.clone(), set));
    }
    found
}

fn files(reader: &mut Reader, node: &Node, primary: bool) -> FileSet {
    let mut set = FileSet::default();
    for (key, node) in reader.entries(node, "an artifact") {
        match key.text.as_str() {
            "files" => set.files = globs(reader, node, "`files`"),
            "name" => set.name = reader.text(node, "`name`"),
            "discard-paths" => set.discard_paths = reader.flag(node, "`discard-paths`"),
            "base-directory" => set.base_directory = reader.text(node, "`base-directory`"),
            "exclude-paths" => set.exclude_paths = globs(reader, node, "`exclude-paths`"),
            "enable-symlinks" => set.enable_symlinks = reader.flag(node, "`enable-symlinks`"),
            "s3-prefix" => set.s3_prefix = reader.text(node, "`s3-prefix`"),
            "secondary-artifacts" if primary => {}
            "type" => old_type(reader, key),
            _ => reader.unknown(key, "in `artifacts`", &KEYS),
        }
    }
    set
}

fn old_type(reader: &mut Reader, key: &Key) {
    reader.warn(key.place, "old-name", "`type` is deprecated and ignored; remove it");
}

fn globs(reader: &mut Reader, node: &Node, what: &str) -> Vec<String> {
    let globs = reader.texts(node, what);
    for glob in &globs {
        // What the shell will expand is checked when it has been expanded.
        if !glob.contains(['$', '`'])
            && let Err(error) = GlobBuilder::new(glob).literal_separator(true).build()
        {
            reader.error(
                node.place,
                "bad-glob",
                format!("`{glob}` in {what} is not a pattern: {}", error.kind()),
            );
        }
    }
    globs
}

pub(super) fn read_cache(reader: &mut Reader, node: &Node) -> Option<Cache> {
    let mut cache = Cache::default();
    for (key, node) in reader.entries(node, "`cache`") {
        match key.text.as_str() {
            "action" => cache.action = action(reader, node),
            "key" => cache.key = reader.text(node, "`key`"),
            "fallback-keys" => cache.fallback_keys = fallback_keys(reader, node),
            "paths" => cache.paths = globs(reader, node, "`paths`"),
            _ => reader.unknown(key, "in `cache`", &CACHE_KEYS),
        }
    }
    if cache.paths.is_empty() && !node.is_null() {
        reader.warn(node.place, "missing-paths", "`cache` names no `paths`, so nothing is cached; add them");
    }
    if cache.key.is_none() && !cache.fallback_keys.is_empty() {
        reader.warn(node.place, "fallback-without-key", "`fallback-keys` count only beside a `key`; add one");
    }
    (!node.is_null()).then_some(cache)
}

fn fallback_keys(reader: &mut Reader, node: &Node) -> Vec<String> {
    let keys = reader.texts(node, "`fallback-keys`");
    if keys.len() > MAX_FALLBACK_KEYS {
        let message = format!("{} fallback keys; CodeBuild takes at most {MAX_FALLBACK_KEYS}", keys.len());
        reader.error(node.place, "too-many-keys", message);
    }
    keys
}

fn action(reader: &mut Reader, node: &Node) -> CacheAction {
    match reader.text(node, "`action`").as_deref() {
        Some("restore") => CacheAction::Restore,
        Some("save") => CacheAction::Save,
        Some(other) => {
            let message = format!(
                "unknown cache action `{other}`; write `restore` or `save`, or leave it out for both"
            );
            reader.error(node.place, "unknown-action", message);
            CacheAction::Both
        }
        None => CacheAction::Both,
    }
}
