//! Imports the pipelines of a `CloudFormation` template (`AWS::CodePipeline::Pipeline`).
//!
//! A template is imported, not run directly: its keys become the API's, and what only a deployment computes stands as
//! text in the manner of `Fn::Sub` (`!Ref Bucket` is `${Bucket}`, `!GetAtt Role.Arn` is `${Role.Arn}`); in names,
//! which have no room for that, `${Stack}-web` becomes `Stack-web`. Where a choice of words or a number is expected
//! (category, owner, provider, version, run order, …) a parameter counts with its default. Of `Fn::If` both branches
//! are checked; the one with fewer errors, first the one for true, becomes the pipeline.

mod intrinsic;
mod template;

#[cfg(test)]
mod tests;

use crate::definition::findings::{Findings, quoted};
use crate::definition::{self, Parsed, draft::Draft, read};
use crate::diagnostic::{Diagnostic, Place, Severity, refuses};
use crate::document::{Document, Key, Node};
use template::Template;

const PIPELINE: &str = "AWS::CodePipeline::Pipeline";

/// The pipelines of a template, in its order; the first repeats the diagnostics of `document`. Without any there is
/// one element that says so.
pub fn import(document: &Document) -> Vec<Parsed> {
    let resources =
        document.root.as_ref().and_then(|root| root.get("Resources")).and_then(Node::map).unwrap_or_default();
    let is_pipeline = |node: &Node| node.get("Type").and_then(Node::text) == Some(PIPELINE);
    let mut imported: Vec<Parsed> = resources
        .iter()
        .filter(|(_, node)| is_pipeline(node))
        .map(|(key, node)| import_one(document, key, node))
        .collect();
    if imported.is_empty() {
        imported.push(Parsed { pipeline: None, diagnostics: vec![none(document)] });
    }
    if let Some(first) = imported.first_mut() {
        first.diagnostics.extend(document.diagnostics.iter().cloned());
        first.diagnostics.sort();
        first.diagnostics.dedup();
    }
    imported
}

fn none(document: &Document) -> Diagnostic {
    let place = document.root.as_ref().map_or(Place::START, |root| root.place);
    let message = "the template has no pipeline (a resource of the type AWS::CodePipeline::Pipeline), so nothing is imported";
    Diagnostic::warning(place, "template-without-pipeline", message)
}

fn import_one(document: &Document, id: &Key, resource: &Node) -> Parsed {
    let (first, branches) = import_branch(document, id, resource, true);
    let mut parsed = first;
    if branches {
        let (other, _) = import_branch(document, id, resource, false);
        parsed = better(parsed, other);
    }
    let message = format!(
        "the pipeline {} is imported, not run directly: what the template computes stands as ${{…}}; write it as a definition to run it",
        quoted(&id.text)
    );
    parsed.diagnostics.push(Diagnostic::warning(id.place, "template", message));
    if parsed.pipeline.is_none() && !refuses(&parsed.diagnostics) {
        let message = "the template leaves open what an action is, so it cannot become a pipeline yet; give its parameters defaults";
        parsed.diagnostics.push(Diagnostic::warning(id.place, "template-open", message));
    }
    parsed.diagnostics.sort();
    parsed.diagnostics.dedup();
    parsed
}

/// The pipeline with every `Fn::If` decided alike, and whether there was any.
fn import_branch(document: &Document, id: &Key, resource: &Node, branch: bool) -> (Parsed, bool) {
    let mut findings = Findings::default();
    let mut template = Template::new(document, branch);
    let draft = draft(&mut template, id, resource, &mut findings);
    (definition::finish(draft.as_ref(), findings), template.has_branches)
}

fn draft(template: &mut Template<'_>, id: &Key, resource: &Node, findings: &mut Findings) -> Option<Draft> {
    let Some(properties) = resource.get("Properties").filter(|node| node.map().is_some()) else {
        let message = format!("the pipeline {} has no `Properties`; add them", quoted(&id.text));
        findings.error(id.place, "missing-key", message);
        return None;
    };
    let node = template.pipeline(id, properties, findings)?;
    read::pipeline(&node, findings)
}

/// The one with fewer errors; what the other one says besides is kept as warnings.
fn better(first: Parsed, second: Parsed) -> Parsed {
    let errors =
        |parsed: &Parsed| parsed.diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
    let (mut kept, other) = if errors(&second) < errors(&first) { (second, first) } else { (first, second) };
    for found in other.diagnostics {
        let same = |kept: &Diagnostic| kept.place == found.place && kept.code == found.code;
        if !kept.diagnostics.iter().any(same) {
            let message = format!("with the other branch of Fn::If: {}", found.message);
            kept.diagnostics.push(Diagnostic::warning(found.place, &found.code, message));
        }
    }
    kept
}
