//! Reads a buildspec and reports everything that is wrong with it, with places.

mod artifacts;
mod batch;
mod env;
mod matrix;
mod on_failure;
mod phases;
mod reader;
mod reports;

use penstock_model::diagnostic::{Diagnostic, Place, refuses};
use penstock_model::document::{self, Node, Value};

use crate::definition::{Buildspec, Proxy, Version};
pub(crate) use env::is_name;
use reader::Reader;

/// What [`parse`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The buildspec; `None` if any diagnostic is an error.
    pub buildspec: Option<Buildspec>,
    /// Errors and warnings in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

const KEYS: [&str; 9] =
    ["version", "run-as", "env", "proxy", "batch", "phases", "reports", "artifacts", "cache"];

/// Reads the text of a buildspec, version 0.2 or 0.1.
///
/// What CodeBuild refuses is an error. What it is not known to refuse, such as an unknown key, is a warning.
pub fn parse(source: &str) -> Parsed {
    let document = document::parse(source);
    let mut reader = Reader { diagnostics: document.diagnostics };
    let buildspec = match &document.root {
        Some(root) => read(&mut reader, root),
        None => {
            if reader.diagnostics.is_empty() {
                reader.error(
                    Place::START,
                    "empty",
                    "the buildspec is empty; it needs `version: 0.2` and `phases`",
                );
            }
            Buildspec::default()
        }
    };
    let mut diagnostics = reader.diagnostics;
    diagnostics.sort_by_key(|diagnostic| diagnostic.place);
    let refused = document.root.is_none() || refuses(&diagnostics);
    Parsed { buildspec: (!refused).then_some(buildspec), diagnostics }
}

fn read(reader: &mut Reader, root: &Node) -> Buildspec {
    let mut buildspec = Buildspec::default();
    let Value::Map(entries) = &root.value else {
        let message =
            format!("a buildspec is a mapping with `version` and `phases`, but this is {}", root.kind());
        reader.error(root.place, "wrong-type", message);
        return buildspec;
    };
    buildspec.version = version(reader, root);
    for (key, node) in entries {
        match key.text.as_str() {
            "version" => {}
            "run-as" => buildspec.run_as = reader.text(node, "`run-as`"),
            "env" => env::read(reader, node, &mut buildspec.env),
            "environment_variables" => env::read_old(reader, key, node, &mut buildspec.env),
            "proxy" => buildspec.proxy = proxy(reader, node),
            "batch" => buildspec.batch = batch::read(reader, node),
            "phases" => buildspec.phases = phases::read(reader, node),
            "reports" => buildspec.reports = reports::read(reader, node),
            "artifacts" => buildspec.artifacts = artifacts::read(reader, node),
            "cache" => buildspec.cache = artifacts::read_cache(reader, node),
            // Elastic Beanstalk's own block, which CodeBuild tolerates.
            "eb_codebuild_settings" => {}
            _ => reader.unknown(key, "at the top of a buildspec", &KEYS),
        }
    }
    if root.get("phases").is_none() && buildspec.batch.is_none() {
        let message = "there are no `phases`; add `phases:` with `build:` and its `commands:`";
        reader.error(root.place, "missing-phases", message);
    }
    buildspec
}

fn version(reader: &mut Reader, root: &Node) -> Version {
    let Some(node) = root.get("version").filter(|node| !node.is_null()) else {
        let message =
            "`version` is missing; CodeBuild refuses the file; add `version: 0.2` as its first line";
        reader.error(root.place, "missing-version", message);
        return Version::default();
    };
    match node.text().map(str::trim) {
        Some("0.2") => Version::V0_2,
        Some("0.1") => Version::V0_1,
        other => {
            let found = other.unwrap_or(node.kind());
            let message = format!("invalid buildspec `version` specified: {found}; write `version: 0.2`");
            reader.error(node.place, "bad-version", message);
            Version::default()
        }
    }
}

fn proxy(reader: &mut Reader, node: &Node) -> Proxy {
    let mut proxy = Proxy::default();
    for (key, node) in reader.entries(node, "`proxy`") {
        match key.text.as_str() {
            "upload-artifacts" => proxy.upload_artifacts = reader.flag(node, "`upload-artifacts`"),
            "logs" => proxy.logs = reader.flag(node, "`logs`"),
            _ => reader.unknown(key, "in `proxy`", &["upload-artifacts", "logs"]),
        }
    }
    proxy
}

#[cfg(test)]
mod tests;
