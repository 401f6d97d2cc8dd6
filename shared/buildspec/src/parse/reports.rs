//! The `reports` block.

use penstock_model::document::{Key, Node};

use super::reader::Reader;
use crate::definition::{ReportFormat, ReportGroup};

const KEYS: [&str; 4] = ["files", "file-format", "base-directory", "discard-paths"];
/// Report groups that a buildspec may have.
const MAX_GROUPS: usize = 5;

pub(super) fn read(reader: &mut Reader, node: &Node) -> Vec<ReportGroup> {
    let groups: Vec<_> =
        reader.entries(node, "`reports`").iter().map(|(key, node)| group(reader, key, node)).collect();
    if groups.len() > MAX_GROUPS {
        let message =
            format!("{} report groups; CodeBuild takes at most {MAX_GROUPS}; merge some", groups.len());
        reader.error(node.place, "too-many-reports", message);
    }
    groups
}

fn group(reader: &mut Reader, key: &Key, node: &Node) -> ReportGroup {
    let mut group = ReportGroup {
        name: key.text.clone(),
        files: Vec::new(),
        base_directory: None,
        discard_paths: false,
        format: ReportFormat::default(),
    };
    for (key, node) in reader.entries(node, "a report group") {
        match key.text.as_str() {
            "files" => group.files = reader.texts(node, "`files`"),
            "file-format" => group.format = format(reader, node),
            "base-directory" => group.base_directory = reader.text(node, "`base-directory`"),
            "discard-paths" => group.discard_paths = reader.flag(node, "`discard-paths`"),
            _ => reader.unknown(key, "in a report group", &KEYS),
        }
    }
    if group.files.is_empty() {
        let message = format!("report group `{}` names no `files`; add for example `- '**/*.xml'`", key.text);
        reader.error(key.place, "missing-files", message);
    }
    group
}

fn format(reader: &mut Reader, node: &Node) -> ReportFormat {
    let Some(text) = reader.text(node, "`file-format`") else {
        return ReportFormat::default();
    };
    let found = ReportFormat::ALL.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(&text));
    if let Some((_, format)) = found {
        return format;
    }
    let names: Vec<_> = ReportFormat::ALL.iter().map(|(name, _)| *name).collect();
    let message = format!("unknown `file-format` `{text}`; known are {}", names.join(", "));
    reader.error(node.place, "unknown-format", message);
    ReportFormat::default()
}
