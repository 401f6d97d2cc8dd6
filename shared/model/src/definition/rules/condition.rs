//! Conditions: one a hook, its rules, and the results that each hook allows (API model; user guide, "Stage conditions").

use super::{configuration, name};
use crate::definition::draft::{Condition, Draft, Hook, Rule, Stage, Text};
use crate::definition::findings::{Findings, quoted};
use crate::id::ActionName;

const MAX_RULES: usize = 5;
/// The longest value of a rule's configuration (API model, `RuleConfigurationValue`).
const MAX_VALUE_CHARS: usize = 10_000;
const ENTRY_RESULTS: &[&str] = &["FAIL", "SKIP"];
const SUCCESS_RESULTS: &[&str] = &["ROLLBACK", "FAIL"];
const FAILURE_RESULTS: &[&str] = &["ROLLBACK", "FAIL", "RETRY", "SKIP"];
/// The rules whose condition may skip the stage.
const SKIPPING: [&str; 2] = ["LambdaInvoke", "VariableCheck"];

/// The configuration of a rule provider: what it needs and what else it knows.
struct RuleProvider {
    name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
}

const PROVIDERS: [RuleProvider; 6] = [
    RuleProvider {
        name: "CloudWatchAlarm",
        required: &["AlarmName"],
        optional: &["AlarmStates", "WaitTime"],
    },
    RuleProvider { name: "DeploymentWindow", required: &["Cron"], optional: &["TimeZone"] },
    RuleProvider { name: "LambdaInvoke", required: &["FunctionName"], optional: &["UserParameters"] },
    RuleProvider { name: "VariableCheck", required: &["Variable", "Value", "Operator"], optional: &[] },
    RuleProvider { name: "Commands", required: &[], optional: &[] },
    RuleProvider {
        name: "CodeBuild",
        required: &["ProjectName"],
        optional: &["PrimarySource", "BatchEnabled", "CombineArtifacts", "EnvironmentVariables"],
    },
];

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    for (index, stage) in draft.stages.iter().enumerate() {
        check_stage(stage, findings);
        if index == 0 {
            check_source_stage(stage, findings);
        }
    }
}

fn check_stage(stage: &Stage, findings: &mut Findings) {
    let hooks = [
        (&stage.before_entry, "beforeEntry", ENTRY_RESULTS),
        (&stage.on_success, "onSuccess", SUCCESS_RESULTS),
        (&stage.on_failure, "onFailure", FAILURE_RESULTS),
    ];
    for (hook, name, allowed) in hooks {
        if let Some(hook) = hook {
            check_hook(hook, name, allowed, findings);
        }
    }
}

fn check_hook(hook: &Hook, name: &str, allowed: &[&str], findings: &mut Findings) {
    let empty = hook.conditions.is_empty() && hook.result.is_none() && hook.retry_mode.is_none();
    if empty {
        findings.error(
            hook.place,
            "condition",
            format!("`{name}` says nothing; give it one condition, or remove it"),
        );
    }
    if let Some(extra) = hook.conditions.get(1) {
        let message = format!("`{name}` has one condition; put the rules of both into one");
        findings.error(extra.place, "condition", message);
    }
    check_result(hook.result.as_ref(), name, allowed, findings);
    check_retry(hook, findings);
    for condition in &hook.conditions {
        check_result(condition.result.as_ref(), name, allowed, findings);
        check_condition(condition, findings);
    }
}

fn check_result(result: Option<&Text>, hook: &str, allowed: &[&str], findings: &mut Findings) {
    if let Some(result) = result.filter(|result| result.known && !allowed.contains(&result.text.as_str())) {
        let message =
            format!("`{hook}` cannot end in {}; it is one of {}", quoted(&result.text), allowed.join(", "));
        findings.error(result.place, "condition-result", message);
    }
}

fn check_retry(hook: &Hook, findings: &mut Findings) {
    let Some(mode) = hook.retry_mode.as_ref().filter(|mode| mode.known) else {
        return;
    };
    if !["FAILED_ACTIONS", "ALL_ACTIONS"].contains(&mode.text.as_str()) {
        let message = format!("{} is no retry mode; write FAILED_ACTIONS or ALL_ACTIONS", quoted(&mode.text));
        findings.error(mode.place, "retry-mode", message);
    }
    if hook.result.as_ref().is_none_or(|result| result.known && result.text != "RETRY") {
        findings.error(
            mode.place,
            "retry-mode",
            "`retryConfiguration` needs `result: RETRY` beside it; add it",
        );
    }
}

fn check_condition(condition: &Condition, findings: &mut Findings) {
    if condition.rules.is_empty() {
        findings.error(condition.place, "condition", "a condition has 1 to 5 `rules`; add one");
    }
    if let Some(extra) = condition.rules.get(MAX_RULES) {
        let message =
            format!("{} rules, and a condition has at most {MAX_RULES}; remove some", condition.rules.len());
        findings.error(extra.place, "condition", message);
    }
    let skips = condition.result.as_ref().is_some_and(|result| result.known && result.text == "SKIP");
    for rule in &condition.rules {
        if skips && rule.provider.known && !SKIPPING.contains(&rule.provider.text.as_str()) {
            let message = format!(
                "a condition that may SKIP has only LambdaInvoke and VariableCheck rules, not {}",
                quoted(&rule.provider.text)
            );
            findings.error(rule.provider.place, "condition-result", message);
        }
        check_rule(rule, findings);
    }
}

fn check_rule(rule: &Rule, findings: &mut Findings) {
    name::form(&rule.name, "rule-name", ActionName::new, findings);
    name::role(rule.role_arn.as_ref(), findings);
    if let Some(region) = &rule.region {
        name::check_region(region, findings);
    }
    for (text, only) in [(&rule.category, "Rule"), (&rule.owner, "AWS"), (&rule.version, "1")] {
        if text.known && text.text != only {
            let message = format!(
                "a rule type has category Rule, owner AWS and version 1; write {only}, not {}",
                quoted(&text.text)
            );
            findings.error(text.place, "rule-type", message);
        }
    }
    if let Some(timeout) = rule.timeout.filter(|timeout| !(5..=86_400).contains(&timeout.value)) {
        let message = format!("`timeoutInMinutes` is a number from 5 to 86400, not {}", timeout.value);
        findings.error(timeout.place, "timeout", message);
    }
    configuration::limits(&rule.configuration, MAX_VALUE_CHARS, findings);
    check_provider(rule, findings);
}

fn check_provider(rule: &Rule, findings: &mut Findings) {
    if !rule.provider.known {
        return;
    }
    let Some(provider) = PROVIDERS.iter().find(|provider| provider.name == rule.provider.text) else {
        let names = PROVIDERS.map(|provider| provider.name);
        let hint = findings.suggestion(&rule.provider.text, names);
        let message =
            format!("{} is no rule{hint}; there are {}", quoted(&rule.provider.text), names.join(", "));
        return findings.error(rule.provider.place, "rule-type", message);
    };
    if provider.name == "Commands" && rule.commands.is_empty() {
        findings.error(rule.place, "missing-key", "a Commands rule needs `commands`; add it");
    }
    check_settings(rule, provider, findings);
    check_operator(rule, findings);
}

fn check_settings(rule: &Rule, provider: &RuleProvider, findings: &mut Findings) {
    let has = |key: &str| rule.configuration.iter().any(|(other, _)| other.text == key);
    for key in provider.required.iter().filter(|key| !has(key)) {
        let message =
            format!("a {} rule cannot run without `{key}`; add it to `configuration`", provider.name);
        findings.error(rule.place, "missing-configuration", message);
    }
    let known: Vec<&str> = provider.required.iter().chain(provider.optional).copied().collect();
    for (key, _) in rule.configuration.iter().filter(|(key, _)| !known.contains(&key.text.as_str())) {
        let hint = findings.suggestion(&key.text, known.iter().copied());
        let message =
            format!("{} has no setting {}, so it changes nothing{hint}", provider.name, quoted(&key.text));
        findings.warning(key.place, "unknown-configuration", message);
    }
}

fn check_operator(rule: &Rule, findings: &mut Findings) {
    let operator = rule.configuration.iter().find(|(key, _)| key.text == "Operator").map(|(_, value)| value);
    if let Some(operator) =
        operator.filter(|operator| operator.known && rule.provider.text == "VariableCheck")
        && !["EQ", "NE", "CONTAINS", "MATCHES"].contains(&operator.text.as_str())
    {
        let message = format!("{} is no operator; write EQ, NE, CONTAINS or MATCHES", quoted(&operator.text));
        findings.error(operator.place, "configuration-value", message);
    }
}

/// Nothing comes before the source stage, so there is nothing to roll back to.
fn check_source_stage(stage: &Stage, findings: &mut Findings) {
    for hook in [&stage.on_success, &stage.on_failure].into_iter().flatten() {
        let results = hook
            .result
            .iter()
            .chain(hook.conditions.iter().filter_map(|condition| condition.result.as_ref()));
        for result in results.filter(|result| result.known && result.text == "ROLLBACK") {
            let message =
                "the source stage cannot be rolled back; write FAIL or RETRY, or roll back a later stage";
            findings.error(result.place, "condition-result", message);
        }
    }
}
