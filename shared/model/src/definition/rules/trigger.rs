//! Triggers: their number, their source action, their filters and globs (API model; user guide, "Filter triggers").

use crate::definition::draft::{Action, Draft, Filter, Globs, Text, Trigger};
use crate::definition::findings::{Findings, quoted};
use crate::glob::Glob;
use crate::pipeline::{Category, GITHUB_PROVIDERS};

const MAX_TRIGGERS: usize = 50;
const MAX_FILTERS: usize = 3;
const MAX_PATTERNS: usize = 8;
const EVENTS: [&str; 3] = ["OPEN", "UPDATED", "CLOSED"];

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    if let Some(extra) = draft.triggers.get(MAX_TRIGGERS) {
        let message =
            format!("{} triggers, and {MAX_TRIGGERS} are allowed; remove some", draft.triggers.len());
        findings.error(extra.place, "too-many", message);
    }
    for trigger in &draft.triggers {
        check_provider(trigger, findings);
        check_source(draft, trigger, findings);
        check_filters(&trigger.push, "push", findings);
        check_filters(&trigger.pull_request, "pull-request", findings);
        trigger.push.iter().for_each(|filter| check_push(filter, findings));
        trigger.pull_request.iter().for_each(|filter| check_pull_request(filter, findings));
    }
}

fn check_provider(trigger: &Trigger, findings: &mut Findings) {
    let provider = &trigger.provider;
    if provider.known && !GITHUB_PROVIDERS.contains(&provider.text.as_str()) {
        let hint = findings.suggestion(&provider.text, GITHUB_PROVIDERS);
        let message = format!(
            "{} gives no triggers{hint}; write CodeStarSourceConnection, or GitHub (only Penstock knows it)",
            quoted(&provider.text)
        );
        findings.error(provider.place, "trigger-provider", message);
    }
}

fn check_source(draft: &Draft, trigger: &Trigger, findings: &mut Findings) {
    let source = &trigger.source;
    if !source.known {
        return;
    }
    let sources: Vec<&Action> = draft
        .actions()
        .map(|(_, _, action)| action)
        .filter(|action| action.kind.category == Some(Category::Source))
        .collect();
    if sources.iter().any(|action| !action.name.known) {
        return;
    }
    match sources.iter().find(|action| action.name.text == source.text) {
        None => {
            let hint =
                findings.suggestion(&source.text, sources.iter().map(|action| action.name.text.as_str()));
            let message = format!(
                "there is no source action {}{hint}; name the one whose repository it listens to",
                quoted(&source.text)
            );
            findings.error(source.place, "trigger-source", message);
        }
        Some(action) if trigger.provider.known && action.kind.provider.known => {
            let (provider, own) = (trigger.provider.text.as_str(), action.kind.provider.text.as_str());
            let agree = provider == own || (provider, own) == ("GitHub", "Git");
            if GITHUB_PROVIDERS.contains(&provider) && !agree {
                let message = format!(
                    "the trigger is of {} and its source action {} of {}; make them the same",
                    quoted(provider),
                    quoted(&source.text),
                    quoted(own)
                );
                findings.error(trigger.provider.place, "trigger-source", message);
            }
        }
        Some(_) => {}
    }
}

fn check_filters(filters: &[Filter], what: &str, findings: &mut Findings) {
    if let Some(extra) = filters.get(MAX_FILTERS) {
        let message = format!(
            "{} {what} filters, and {MAX_FILTERS} are allowed in a trigger; remove some",
            filters.len()
        );
        findings.error(extra.place, "too-many", message);
    }
    for filter in filters {
        for globs in [&filter.tags, &filter.branches, &filter.paths].into_iter().flatten() {
            check_globs(globs, findings);
        }
    }
}

fn check_push(filter: &Filter, findings: &mut Findings) {
    if filter.tags.is_some() && (filter.branches.is_some() || filter.paths.is_some()) {
        let message =
            "a push filter has either `tags`, or `branches` with or without `filePaths`; write two filters";
        findings.error(filter.place, "push-filter", message);
    } else if filter.tags.is_none() && filter.branches.is_none() {
        let message = if filter.paths.is_some() {
            "CodePipeline documents `filePaths` only together with `branches`; add `branches` with includes [\"**\"] to mean any branch"
        } else {
            "an empty push filter admits every push to a branch; add `tags`, or `branches`"
        };
        findings.warning(filter.place, "push-filter", message);
    }
}

fn check_pull_request(filter: &Filter, findings: &mut Findings) {
    for event in filter.events.iter().filter(|event| event.known) {
        if !EVENTS.contains(&event.text.as_str()) {
            let hint = findings.suggestion(&event.text, EVENTS);
            let message = format!(
                "{} is no pull-request event{hint}; there are OPEN, UPDATED and CLOSED",
                quoted(&event.text)
            );
            findings.error(event.place, "pull-request-event", message);
        }
    }
    if filter.events.is_empty() && filter.branches.is_none() && filter.paths.is_none() {
        let message = "an empty pull-request filter admits every event of every pull request; add `events` or `branches`";
        findings.warning(filter.place, "pull-request-filter", message);
    }
}

fn check_globs(globs: &Globs, findings: &mut Findings) {
    if globs.includes.is_empty() && globs.excludes.is_empty() {
        findings.error(
            globs.place,
            "no-pattern",
            "a filter without patterns; add `includes` or `excludes`, or remove it",
        );
    }
    for (name, list) in [("includes", &globs.includes), ("excludes", &globs.excludes)] {
        if let Some(extra) = list.get(MAX_PATTERNS) {
            let message = format!(
                "{} patterns in `{name}`, and {MAX_PATTERNS} are allowed; join some with {{a,b}}",
                list.len()
            );
            findings.error(extra.place, "too-many", message);
        }
        list.iter().for_each(|pattern| check_glob(pattern, findings));
    }
}

fn check_glob(pattern: &Text, findings: &mut Findings) {
    if pattern.known
        && let Err(error) = Glob::new(&pattern.text)
    {
        findings.error(pattern.place, "glob", format!("{} is no pattern: {error}", quoted(&pattern.text)));
    }
}
