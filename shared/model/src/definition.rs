//! Reads a pipeline's definition as a person or a program wrote it and reports everything that is wrong with it.
//!
//! Two spellings are read, in YAML or JSON and mixed at will: `CodePipeline`'s own (`PipelineDeclaration`, bare or
//! under `pipeline` as get-pipeline prints it) and a short one, in which an action says `actionType` and `provider`
//! where the API has `actionTypeId`; the owner is then AWS, `ThirdParty` for GitHub and Custom for Jenkins, the
//! version `1`.
//!
//! The way: tree of the file → draft, in which everything has its place (`read`) → rules (`rules`) →
//! [`Pipeline`] (`build`). The rules follow the `CodePipeline` user guide ("Pipeline structure reference",
//! "Quotas") and the API model.

pub(crate) mod build;
pub(crate) mod draft;
mod fields;
pub(crate) mod findings;
mod json;
pub(crate) mod read;
pub(crate) mod rules;

pub use rules::source::BUCKET_NOT_POLLED;

use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Place, refuses};
use crate::document::{self, Document};
use crate::kind::{self, Kind};
use crate::pipeline::Pipeline;
use findings::Findings;

/// A definition that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The pipeline; `None` if a diagnostic refuses it, or if a template leaves open what an action is.
    pub pipeline: Option<Pipeline>,
    /// All that was found, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a definition file.
pub fn parse(source: &str) -> Parsed {
    from_document(&document::parse(source))
}

/// Reads a definition from a file that is a tree already; repeats the diagnostics of `document`.
pub fn from_document(document: &Document) -> Parsed {
    let mut findings = Findings::after(&document.diagnostics);
    let Some(root) = &document.root else {
        if !refuses(&document.diagnostics) {
            findings.error(
                Place::START,
                "empty",
                "the file is empty; a definition has at least `name` and `stages`",
            );
        }
        return Parsed { pipeline: None, diagnostics: findings.sorted() };
    };
    if kind::recognise("", document) == Kind::CloudFormation {
        let message = "a CloudFormation template is imported, not run directly; write the pipeline with CodePipeline's own keys (`name`, `stages`, …)";
        findings.error(root.place, "template", message);
        return Parsed { pipeline: None, diagnostics: findings.sorted() };
    }
    read::foreign_tags(root, &mut findings);
    let draft = read::root(root, &mut findings);
    finish(draft.as_ref(), findings)
}

/// Reads a definition from an API request. Diagnostics stand at [`Place::START`] and begin with the path in `value`.
pub fn from_json(value: &Json) -> Parsed {
    let numbered = json::number(value);
    let mut findings = Findings::default();
    let Some(root) = &numbered.root else {
        findings.error(
            Place::START,
            "too-deep",
            "the definition is nested too deeply or has too many values",
        );
        return Parsed { pipeline: None, diagnostics: findings.sorted() };
    };
    let draft = read::root(root, &mut findings);
    let parsed = finish(draft.as_ref(), findings);
    Parsed { diagnostics: numbered.name_paths(parsed.diagnostics), ..parsed }
}

/// Checks a draft and, if nothing refuses it, makes the pipeline.
pub(crate) fn finish(draft: Option<&draft::Draft>, mut findings: Findings) -> Parsed {
    if let Some(draft) = draft {
        rules::check(draft, &mut findings);
    }
    let diagnostics = findings.sorted();
    let pipeline = draft.filter(|_| !refuses(&diagnostics)).and_then(build::pipeline);
    Parsed { pipeline, diagnostics }
}

#[cfg(test)]
mod tests;
