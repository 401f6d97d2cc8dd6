//! What concerns the pipeline as a whole: stores, role, type and pipeline variables.

use super::stage::unique;
use crate::definition::draft::{Draft, Store, Text};
use crate::definition::findings::{Findings, quoted};
use crate::pipeline::ExecutionMode;
use crate::variable::{MAX_PIPELINE_VARIABLES, MAX_VALUE_CHARS};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    if draft.role_arn.is_none() {
        let message =
            "no `roleArn`: the default action role is used; name a role for actions that may do more or less";
        findings.warning(draft.place, "default-role", message);
    }
    check_stores(draft, findings);
    check_type(draft, findings);
    check_variables(draft, findings);
}

fn check_stores(draft: &Draft, findings: &mut Findings) {
    match (&draft.store, &draft.stores) {
        (None, None) => {
            let message = "no `artifactStore`: artifacts go into the default store; name a bucket to keep them elsewhere";
            findings.warning(draft.place, "default-artifact-store", message);
        }
        (Some(store), Some(_)) => {
            let message = "`artifactStore` and `artifactStores` exclude each other; keep `artifactStores` for actions in several regions";
            findings.error(store.place, "artifact-store", message);
        }
        (Some(store), None) => check_store(store, findings),
        (None, Some(stores)) => {
            stores.iter().for_each(|(_, store)| check_store(store, findings));
            check_regions(draft, stores, findings);
        }
    }
}

fn check_store(store: &Store, findings: &mut Findings) {
    if store.kind.known && store.kind.text != "S3" {
        findings.error(store.kind.place, "artifact-store", "an artifact store's type can only be S3");
    }
    let valid = (3..=63).contains(&store.location.text.len())
        && store.location.text.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
    if store.location.known && !valid {
        let message =
            format!("{} is no bucket: 3 to 63 of letters, digits, - and .", quoted(&store.location.text));
        findings.error(store.location.place, "artifact-store", message);
    }
}

fn check_regions(draft: &Draft, stores: &[(Text, Store)], findings: &mut Findings) {
    for (_, _, action) in draft.actions() {
        if let Some(region) = action.region.as_ref().filter(|region| region.known)
            && !stores.iter().any(|(known, _)| !known.known || known.text == region.text)
        {
            let message = format!(
                "`artifactStores` has no store in {}, where this action runs; add one",
                quoted(&region.text)
            );
            findings.error(region.place, "region-without-store", message);
        }
    }
}

fn check_type(draft: &Draft, findings: &mut Findings) {
    let Some(kind) = draft.kind.as_ref().filter(|kind| kind.known) else {
        return;
    };
    match kind.text.as_str() {
        "V2" => {}
        "V1" => {
            for what in only_in_v2(draft) {
                findings.error(
                    kind.place,
                    "needs-v2",
                    format!("a pipeline of type V1 cannot have {what}; write `pipelineType: V2`"),
                );
            }
        }
        other => {
            findings.error(
                kind.place,
                "pipeline-type",
                format!("{} is no pipeline type; write V1 or V2", quoted(other)),
            );
        }
    }
}

fn only_in_v2(draft: &Draft) -> Vec<String> {
    let mut found = Vec::new();
    if !draft.variables.is_empty() {
        found.push("`variables`".to_owned());
    }
    if !draft.triggers.is_empty() {
        found.push("`triggers`".to_owned());
    }
    if draft.mode.is_some_and(|mode| mode.value != ExecutionMode::Superseded) {
        found.push("an execution mode other than SUPERSEDED".to_owned());
    }
    let hooked = |stage: &&crate::definition::draft::Stage| {
        stage.before_entry.is_some() || stage.on_success.is_some() || stage.on_failure.is_some()
    };
    found.extend(
        draft
            .stages
            .iter()
            .find(hooked)
            .map(|stage| format!("the conditions of stage {}", quoted(&stage.name.text))),
    );
    for (_, _, action) in draft.actions() {
        if let Some(provider) = action.provider().filter(|provider| provider.v2_only) {
            found.push(format!("the {} action {}", provider.name, quoted(&action.name.text)));
        }
    }
    found
}

fn check_variables(draft: &Draft, findings: &mut Findings) {
    if let Some(first) = draft.variables.get(MAX_PIPELINE_VARIABLES) {
        let message = format!(
            "{} pipeline variables, and {MAX_PIPELINE_VARIABLES} are allowed; remove some",
            draft.variables.len()
        );
        findings.error(first.name.place, "too-many-variables", message);
    }
    let names = draft.variables.iter().map(|variable| &variable.name);
    unique(names, "duplicate-variable", "a variable of this pipeline", findings);
    for variable in &draft.variables {
        length(variable.default.as_ref(), "a default value", 1..=MAX_VALUE_CHARS, findings);
        length(variable.description.as_ref(), "a description", 0..=200, findings);
    }
}

fn length(
    text: Option<&Text>,
    what: &str,
    allowed: std::ops::RangeInclusive<usize>,
    findings: &mut Findings,
) {
    let Some(text) = text.filter(|text| text.known) else {
        return;
    };
    let count = text.text.chars().count();
    if !allowed.contains(&count) {
        let message = format!(
            "{what} has {} to {} characters, and this has {count}; change it",
            allowed.start(),
            allowed.end()
        );
        findings.error(text.place, "variable-length", message);
    }
}
