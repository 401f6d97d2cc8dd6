//! Checks a folder of real files against its `index.json` and prints a table of what became of each.
//!
//! `cargo run -p penstock-tests --bin corpora -- DIR...`: exit 1 if a file that a standard parser takes is not read, or if
//! a webhook is not understood.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use penstock_github::payload::{self, Payload};
use penstock_model::diagnostic::{Diagnostic, refuses};
use penstock_model::document::{self, Document};
use penstock_model::kind::{Kind, recognise};
use penstock_model::{cloudformation, definition};
use serde::Deserialize;

/// What the index says of a file.
#[derive(Deserialize)]
struct Entry {
    file: String,
    parse: String,
    /// For a webhook: its event.
    event: Option<String>,
}

/// What became of a file.
enum Verdict {
    Accepted,
    AcceptedWithWarnings(Diagnostic),
    Refused(Diagnostic),
    /// A webhook that starts nothing, with the reason.
    Ignored(String),
    /// What must not happen.
    Wrong(String),
}

impl Verdict {
    fn title(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::AcceptedWithWarnings(_) => "accepted with warnings",
            Self::Refused(_) => "refused",
            Self::Ignored(_) => "ignored",
            Self::Wrong(_) => "WRONG",
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Accepted => String::new(),
            Self::AcceptedWithWarnings(first) | Self::Refused(first) => first.to_string(),
            Self::Ignored(reason) | Self::Wrong(reason) => reason.clone(),
        }
    }
}

fn main() -> Result<ExitCode> {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if folders.is_empty() {
        bail!("name the folders to check; each has an index.json");
    }
    let mut wrong = 0;
    for folder in folders {
        wrong += check_folder(&folder)?;
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks one folder, or each folder below it that has an index; the number of files that went wrong.
fn check_folder(folder: &Path) -> Result<usize> {
    let index = folder.join("index.json");
    if !index.exists() {
        let below = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
        let mut indexed: Vec<PathBuf> = below.filter_map(|entry| Some(entry.ok()?.path())).collect();
        indexed.retain(|path| path.join("index.json").exists());
        indexed.sort();
        if indexed.is_empty() {
            bail!("{} has no index.json", folder.display());
        }
        return indexed.iter().map(|path| check_folder(path)).sum();
    }
    let text = std::fs::read_to_string(&index).with_context(|| format!("reading {}", index.display()))?;
    let entries: Vec<Entry> =
        serde_json::from_str(&text).with_context(|| format!("reading {}", index.display()))?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &entries {
        let verdict = match &entry.event {
            Some(event) => check_webhook(&folder.join(&entry.file), event)?,
            None => check_file(folder, entry)?,
        };
        println!("{:<24} {}", verdict.title(), entry.file);
        if !verdict.detail().is_empty() {
            println!("{:<24}   {}", "", verdict.detail());
        }
        *counts.entry(verdict.title()).or_default() += 1;
    }
    let summary: Vec<String> = counts.iter().map(|(title, count)| format!("{count} {title}")).collect();
    println!("{}: {} files: {}\n", folder.display(), entries.len(), summary.join(", "));
    Ok(counts.get("WRONG").copied().unwrap_or(0))
}

fn check_webhook(path: &Path, event: &str) -> Result<Verdict> {
    let body = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(match payload::read(event, &body) {
        Ok(Payload::Event(_)) => Verdict::Accepted,
        Ok(Payload::Ignored(reason)) => Verdict::Ignored(reason),
        Err(error) => Verdict::Wrong(error.to_string()),
    })
}

fn check_file(folder: &Path, entry: &Entry) -> Result<Verdict> {
    let path = folder.join(&entry.file);
    let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let source = String::from_utf8_lossy(&bytes);
    let document = document::parse(&source);
    let name = format!("{}/{}", folder.file_name().unwrap_or_default().display(), entry.file);
    let Some(diagnostics) = diagnose(recognise(&name, &document), &source, &document) else {
        return Ok(Verdict::Wrong("it is recognised as none of the formats".into()));
    };
    let parses = entry.parse == "ok" || entry.parse.starts_with("custom-tag");
    if parses && document.root.is_none() {
        let reason = diagnostics.first().map(ToString::to_string).unwrap_or_default();
        return Ok(Verdict::Wrong(format!("a standard parser takes it, this one says: {reason}")));
    }
    Ok(verdict(diagnostics))
}

/// What the format's own parser says; `None` if the file is of no known format.
fn diagnose(kind: Kind, source: &str, document: &Document) -> Option<Vec<Diagnostic>> {
    match kind {
        Kind::Pipeline => Some(definition::parse(source).diagnostics),
        Kind::CloudFormation => {
            Some(cloudformation::import(document).into_iter().flat_map(|parsed| parsed.diagnostics).collect())
        }
        Kind::Buildspec => Some(penstock_buildspec::parse(source).diagnostics),
        Kind::Appspec => Some(penstock_appspec::parse(source).diagnostics),
        Kind::Unknown => None,
    }
}

fn verdict(mut diagnostics: Vec<Diagnostic>) -> Verdict {
    let refused = refuses(&diagnostics);
    diagnostics.sort_by_key(|diagnostic| (std::cmp::Reverse(diagnostic.severity), diagnostic.place));
    match diagnostics.into_iter().next() {
        None => Verdict::Accepted,
        Some(first) if refused => Verdict::Refused(first),
        Some(first) => Verdict::AcceptedWithWarnings(first),
    }
}
