//! From a draft that no rule refuses to the pipeline.

use serde_json::{Map, Value as Json, json};

use super::draft::{Action, Condition, Draft, Filter, Globs, Hook, Rule, Stage, Store, Text, Trigger};
use crate::id::{ActionName, ArtifactName, Namespace, PipelineName, StageName};
use crate::pipeline::{
    self, ActionType, ArtifactStore, EnvironmentVariable, GitConfiguration, InputArtifact, OutputArtifact,
    Patterns, Pipeline, PullRequestFilter, PushFilter, VariableDeclaration,
};

/// `None` where a template leaves open what an action is.
pub(super) fn pipeline(draft: &Draft) -> Option<Pipeline> {
    let stores = |stores: &Vec<(Text, Store)>| {
        stores.iter().map(|(region, found)| (region.text.clone(), store(found))).collect()
    };
    Some(Pipeline {
        name: PipelineName::new(&named(&draft.name)).ok()?,
        role_arn: string(draft.role_arn.as_ref()),
        artifact_store: draft.store.as_ref().map(store),
        artifact_stores: draft.stores.as_ref().map(stores),
        stages: draft.stages.iter().map(stage).collect::<Option<_>>()?,
        execution_mode: draft.mode.map(|mode| mode.value).unwrap_or_default(),
        pipeline_type: string(draft.kind.as_ref()),
        variables: draft.variables.iter().map(variable).collect(),
        triggers: draft.triggers.iter().map(trigger).collect::<Option<_>>()?,
    })
}

fn string(text: Option<&Text>) -> Option<String> {
    text.map(|text| text.text.clone())
}

fn strings(texts: &[Text]) -> Vec<String> {
    texts.iter().map(|text| text.text.clone()).collect()
}

/// A name; one that a template computes becomes a valid one, `${Stack}-web` for instance `Stack-web`.
fn named(text: &Text) -> String {
    if text.known {
        return text.text.clone();
    }
    let dashed = text.text.chars().filter(|c| !"${}".contains(*c));
    let valid = |c: char| {
        if c.is_ascii_alphanumeric() || "_-".contains(c) { c } else { '-' }
    };
    dashed.map(valid).take(100).collect()
}

fn store(store: &Store) -> ArtifactStore {
    ArtifactStore {
        kind: store.kind.text.clone(),
        location: store.location.text.clone(),
        encryption_key: store.key.clone(),
    }
}

fn variable(variable: &super::draft::Variable) -> VariableDeclaration {
    VariableDeclaration {
        name: variable.name.text.clone(),
        default_value: string(variable.default.as_ref()),
        description: string(variable.description.as_ref()),
    }
}

fn stage(stage: &Stage) -> Option<pipeline::Stage> {
    Some(pipeline::Stage {
        name: StageName::new(&named(&stage.name)).ok()?,
        actions: stage.actions.iter().map(action).collect::<Option<_>>()?,
        before_entry: stage.before_entry.as_ref().map(hook),
        on_success: stage.on_success.as_ref().map(hook),
        on_failure: stage.on_failure.as_ref().map(hook),
    })
}

fn action(action: &Action) -> Option<pipeline::Action> {
    Some(pipeline::Action {
        name: ActionName::new(&named(&action.name)).ok()?,
        action_type_id: ActionType {
            category: action.kind.category?,
            owner: action.kind.owner?,
            provider: action.kind.provider.text.clone(),
            version: action.kind.version.text.clone(),
        },
        run_order: u16::try_from(action.run_order.map_or(1, |order| order.value)).ok()?,
        configuration: action
            .configuration
            .iter()
            .map(|(key, value)| (key.text.clone(), value.text.clone()))
            .collect(),
        commands: strings(&action.commands),
        input_artifacts: artifacts(&action.inputs)?.into_iter().map(|name| InputArtifact { name }).collect(),
        output_artifacts: outputs(action)?,
        output_variables: strings(&action.output_variables),
        environment_variables: environment(action),
        namespace: match &action.namespace {
            Some(namespace) => Some(Namespace::new(&named(namespace)).ok()?),
            None => None,
        },
        role_arn: string(action.role_arn.as_ref()),
        region: string(action.region.as_ref()),
        timeout_in_minutes: action.timeout.and_then(|timeout| u32::try_from(timeout.value).ok()),
    })
}

fn artifacts(names: &[Text]) -> Option<Vec<ArtifactName>> {
    names.iter().map(|name| ArtifactName::new(&named(name)).ok()).collect()
}

fn outputs(action: &Action) -> Option<Vec<OutputArtifact>> {
    let output = |output: &super::draft::Output| {
        Some(OutputArtifact {
            name: ArtifactName::new(&named(&output.name)).ok()?,
            files: strings(&output.files),
        })
    };
    action.outputs.iter().map(output).collect()
}

fn environment(action: &Action) -> Vec<EnvironmentVariable> {
    let variable = |variable: &super::draft::Environment| EnvironmentVariable {
        name: variable.name.text.clone(),
        value: variable.value.text.clone(),
        kind: variable.kind,
    };
    action.environment.iter().map(variable).collect()
}

fn trigger(trigger: &Trigger) -> Option<pipeline::Trigger> {
    Some(pipeline::Trigger {
        provider_type: trigger.provider.text.clone(),
        git_configuration: GitConfiguration {
            source_action_name: ActionName::new(&named(&trigger.source)).ok()?,
            push: trigger.push.iter().map(push).collect(),
            pull_request: trigger.pull_request.iter().map(pull_request).collect(),
        },
    })
}

fn push(filter: &Filter) -> PushFilter {
    PushFilter {
        tags: patterns(&filter.tags),
        branches: patterns(&filter.branches),
        file_paths: patterns(&filter.paths),
    }
}

fn pull_request(filter: &Filter) -> PullRequestFilter {
    PullRequestFilter {
        events: strings(&filter.events),
        branches: patterns(&filter.branches),
        file_paths: patterns(&filter.paths),
    }
}

fn patterns(globs: &Option<Globs>) -> Option<Patterns> {
    globs
        .as_ref()
        .map(|globs| Patterns { includes: strings(&globs.includes), excludes: strings(&globs.excludes) })
}

/// A hook in the API's shape, with what was left out (owner, version) filled in.
fn hook(hook: &Hook) -> Json {
    let mut object = Map::new();
    put(&mut object, "result", hook.result.as_ref());
    if let Some(mode) = &hook.retry_mode {
        object.insert("retryConfiguration".into(), json!({ "retryMode": mode.text }));
    }
    if !hook.conditions.is_empty() {
        object.insert("conditions".into(), hook.conditions.iter().map(condition).collect());
    }
    object.into()
}

fn condition(condition: &Condition) -> Json {
    let mut object = Map::new();
    put(&mut object, "result", condition.result.as_ref());
    object.insert("rules".into(), condition.rules.iter().map(rule).collect());
    object.into()
}

fn rule(rule: &Rule) -> Json {
    let mut object = Map::new();
    put(&mut object, "name", Some(&rule.name));
    let kind = json!({
        "category": rule.category.text,
        "owner": rule.owner.text,
        "provider": rule.provider.text,
        "version": rule.version.text,
    });
    object.insert("ruleTypeId".into(), kind);
    let settings: Map<String, Json> =
        rule.configuration.iter().map(|(key, value)| (key.text.clone(), value.text.clone().into())).collect();
    object.insert("configuration".into(), settings.into());
    if !rule.commands.is_empty() {
        object.insert("commands".into(), strings(&rule.commands).into());
    }
    if !rule.inputs.is_empty() {
        object.insert(
            "inputArtifacts".into(),
            rule.inputs.iter().map(|name| json!({ "name": name.text })).collect(),
        );
    }
    put(&mut object, "roleArn", rule.role_arn.as_ref());
    put(&mut object, "region", rule.region.as_ref());
    if let Some(timeout) = rule.timeout {
        object.insert("timeoutInMinutes".into(), timeout.value.into());
    }
    object.into()
}

fn put(object: &mut Map<String, Json>, key: &str, text: Option<&Text>) {
    if let Some(text) = text {
        object.insert(key.into(), text.text.clone().into());
    }
}
