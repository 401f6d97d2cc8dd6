//! Reads a stage's conditions and their rules.

use super::super::draft::{Condition, Hook, Rule, Text};
use super::super::fields::Fields;
use super::super::findings::Findings;
use super::{configuration, input_artifacts, text_or};
use crate::document::Node;

/// `beforeEntry`, `onSuccess` or `onFailure`; only the last has a result and a retry of its own.
pub(super) fn hook(node: &Node, name: &'static str, findings: &mut Findings) -> Option<Hook> {
    let mut fields = Fields::of(node, name, findings)?;
    let mut hook = Hook { place: node.place, result: None, retry_mode: None, conditions: Vec::new() };
    if name == "onFailure" {
        hook.result = fields.text("result", findings);
        hook.retry_mode = fields.get("retryConfiguration").and_then(|node| retry_mode(node, findings));
    } else if fields.get("conditions").is_none() {
        fields.missing("conditions", findings);
    }
    hook.conditions =
        fields.list("conditions", findings).iter().filter_map(|node| condition(node, findings)).collect();
    fields.finish(findings);
    Some(hook)
}

fn retry_mode(node: &Node, findings: &mut Findings) -> Option<Text> {
    let mut fields = Fields::of(node, "a retry configuration", findings)?;
    let mode = fields.text("retryMode", findings);
    fields.finish(findings);
    mode
}

fn condition(node: &Node, findings: &mut Findings) -> Option<Condition> {
    let mut fields = Fields::of(node, "a condition", findings)?;
    let condition = Condition {
        place: node.place,
        result: fields.text("result", findings),
        rules: fields.list("rules", findings).iter().filter_map(|node| rule(node, findings)).collect(),
    };
    fields.finish(findings);
    Some(condition)
}

fn rule(node: &Node, findings: &mut Findings) -> Option<Rule> {
    let mut fields = Fields::of(node, "a rule", findings)?;
    let mut rule = Rule {
        place: node.place,
        name: fields.required_text("name", findings),
        category: Text::unknown(node.place),
        owner: Text::unknown(node.place),
        provider: Text::unknown(node.place),
        version: Text::unknown(node.place),
        configuration: configuration(&mut fields, findings),
        commands: fields.texts("commands", findings),
        inputs: input_artifacts(&mut fields, findings),
        role_arn: fields.text("roleArn", findings),
        region: fields.text("region", findings),
        timeout: fields.integer("timeoutInMinutes", findings),
    };
    match fields.get("ruleTypeId") {
        None => fields.missing("ruleTypeId", findings),
        Some(node) => rule_type(node, &mut rule, findings),
    }
    fields.finish(findings);
    Some(rule)
}

fn rule_type(node: &Node, rule: &mut Rule, findings: &mut Findings) {
    let Some(mut fields) = Fields::of(node, "a rule type id", findings) else {
        return;
    };
    rule.category = text_or(&mut fields, "category", "Rule", findings);
    rule.owner = text_or(&mut fields, "owner", "AWS", findings);
    rule.provider = fields.required_text("provider", findings);
    rule.version = text_or(&mut fields, "version", "1", findings);
    fields.finish(findings);
}
