//! Whether category, owner, provider and version name an action type, and how many artifacts it takes and makes.

use std::ops::RangeInclusive;

use crate::definition::draft::{Action, Draft};
use crate::definition::findings::{Findings, quoted};
use crate::pipeline::{Category, Owner};
use crate::provider::{self, Provider, category_name, owner_name};

/// How many artifacts custom and partners' actions may take and make.
const CUSTOM_COUNTS: RangeInclusive<usize> = 0..=5;

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    for (_, _, action) in draft.actions() {
        check_form(action, findings);
        let (Some(category), Some(owner)) = (action.kind.category, action.kind.owner) else {
            continue;
        };
        if !action.kind.provider.known {
            continue;
        }
        match action.provider() {
            Some(provider) => {
                check_version(action, provider, findings);
                check_counts(action, provider, findings);
            }
            None => check_unlisted(action, category, owner, findings),
        }
    }
}

fn check_form(action: &Action, findings: &mut Findings) {
    for (text, code, longest) in
        [(&action.kind.provider, "unknown-provider", 35), (&action.kind.version, "provider-version", 9)]
    {
        let valid = (1..=longest).contains(&text.text.len())
            && text.text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        if text.known && !valid {
            let message = format!(
                "{} has not the form of one: 1 to {longest} of letters, digits, _ and -",
                quoted(&text.text)
            );
            findings.error(text.place, code, message);
        }
    }
}

fn check_version(action: &Action, provider: &Provider, findings: &mut Findings) {
    let version = &action.kind.version;
    if provider.owner != Owner::Custom && version.known && version.text != "1" {
        let message = format!("{} has only version 1, not {}", provider.name, quoted(&version.text));
        findings.error(version.place, "provider-version", message);
    }
}

fn check_counts(action: &Action, provider: &Provider, findings: &mut Findings) {
    count(action, Side::Consumes, &provider.inputs, provider.name, findings);
    count(action, Side::Produces, &provider.outputs, provider.name, findings);
}

/// Which of an action's artifacts are counted.
#[derive(Clone, Copy)]
enum Side {
    Consumes,
    Produces,
}

fn count(
    action: &Action,
    side: Side,
    allowed: &RangeInclusive<usize>,
    provider: &str,
    findings: &mut Findings,
) {
    let (verb, code, list, found) = match side {
        Side::Consumes => ("consumes", "input-artifact-count", "inputArtifacts", action.inputs.len()),
        Side::Produces => ("produces", "output-artifact-count", "outputArtifacts", action.outputs.len()),
    };
    if allowed.contains(&found) {
        return;
    }
    let range = if allowed.start() == allowed.end() {
        allowed.start().to_string()
    } else {
        format!("{} to {}", allowed.start(), allowed.end())
    };
    let category = action.kind.category.map_or("", category_name);
    let plural = if *allowed.end() == 1 { "" } else { "s" };
    let message = format!(
        "{provider} ({category}) {verb} {range} artifact{plural}, and this action has {found}; correct `{list}`"
    );
    findings.error(action.place, code, message);
}

/// Custom actions are each account's own; partners' come and go; AWS's are all listed.
fn check_unlisted(action: &Action, category: Category, owner: Owner, findings: &mut Findings) {
    let name = &action.kind.provider.text;
    if owner == Owner::Custom && provider::named(name).all(|provider| provider.owner == Owner::Custom) {
        count(action, Side::Consumes, &CUSTOM_COUNTS, "custom", findings);
        count(action, Side::Produces, &CUSTOM_COUNTS, "custom", findings);
        return;
    }
    let known: Vec<&Provider> = provider::named(name).collect();
    if let Some(same_owner) = known.iter().find(|provider| provider.owner == owner) {
        let categories: Vec<&str> = same_owner.categories.iter().copied().map(category_name).collect();
        let message = format!(
            "{} is no provider of {} actions but of {}; change the category",
            quoted(name),
            category_name(category),
            categories.join(" and ")
        );
        findings.error(action.kind.place, "provider-category", message);
    } else if let Some(other_owner) = known.first() {
        let message = format!(
            "{} is owned by {}, not by {}; change the owner",
            quoted(name),
            owner_name(other_owner.owner),
            owner_name(owner)
        );
        findings.error(action.kind.place, "provider-owner", message);
    } else {
        unknown(action, category, owner, findings);
    }
}

fn unknown(action: &Action, category: Category, owner: Owner, findings: &mut Findings) {
    let provider = &action.kind.provider;
    let candidates = provider::all()
        .iter()
        .filter(|provider| provider.categories.contains(&category))
        .map(|provider| provider.name);
    let hint = findings.suggestion(&provider.text, candidates.clone());
    if owner == Owner::ThirdParty {
        let message = format!(
            "{} is no partner's provider that is known here{hint}; nothing about it is checked",
            quoted(&provider.text)
        );
        findings.warning(provider.place, "unknown-provider", message);
        return;
    }
    let names: Vec<&str> = candidates.collect();
    let message = format!(
        "{} is no provider of {} actions{hint}; there are {}, and your own with the owner Custom",
        quoted(&provider.text),
        category_name(category),
        names.join(", ")
    );
    findings.error(provider.place, "unknown-provider", message);
}
