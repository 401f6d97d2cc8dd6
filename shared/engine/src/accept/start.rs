//! An execution of the latest definition begins.

use std::collections::BTreeMap;

use penstock_model::id::{ExecutionId, PipelineName};
use penstock_model::pipeline::{Category, Pipeline};

use super::admit::{admit, waiting};
use super::existing;
use crate::draft::Draft;
use crate::rejection::Rejection;
use crate::state::{PipelineState, RevisionKind, RevisionOverride, TriggerCause, TriggerKind};

/// The longest value of a pipeline-level variable, in characters (`CodePipeline` API, `PipelineVariable`).
const MAX_VALUE: usize = 1000;

pub(super) struct Start<'a> {
    pub(super) id: &'a ExecutionId,
    pub(super) trigger: &'a TriggerCause,
    pub(super) variables: &'a BTreeMap<String, String>,
    pub(super) overrides: &'a [RevisionOverride],
}

/// An execution that is there already was started by the same command.
pub(super) fn start(draft: &mut Draft<'_>, name: &PipelineName, start: &Start<'_>) -> Result<(), Rejection> {
    if draft.execution(start.id).is_some() {
        return Ok(());
    }
    let pipeline = existing(draft, name)?;
    let missing =
        || Rejection::Invalid { problem: "the pipeline's definition has no stages; update it".into() };
    let definition = draft.definitions.get(&pipeline.definition).ok_or_else(missing)?;
    let first = definition.stages.first().ok_or_else(missing)?;
    let variables = variables(definition, start.variables)?;
    check_overrides(definition, start.overrides)?;
    check_news(draft, pipeline, start)?;
    let mut execution = waiting(draft, pipeline, start.id, pipeline.definition, &first.name, start.trigger);
    execution.variables = variables;
    execution.overrides = start.overrides.to_vec();
    admit(draft, execution)
}

/// The value of each declared variable.
fn variables(
    definition: &Pipeline,
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Rejection> {
    let rejection =
        |name: &str, problem: &str| Rejection::Variable { name: name.into(), problem: problem.into() };
    if let Some(name) = given.keys().find(|name| !definition.variables.iter().any(|it| it.name == **name)) {
        return Err(rejection(name, "the pipeline does not declare it; declare it or leave it out"));
    }
    let mut values = BTreeMap::new();
    for variable in &definition.variables {
        let Some(value) = given.get(&variable.name).or(variable.default_value.as_ref()) else {
            return Err(rejection(&variable.name, "it has no default; give it a value"));
        };
        if value.chars().count() > MAX_VALUE {
            return Err(rejection(&variable.name, "its value has more than 1000 characters; shorten it"));
        }
        values.insert(variable.name.clone(), value.clone());
    }
    Ok(values)
}

fn check_overrides(definition: &Pipeline, overrides: &[RevisionOverride]) -> Result<(), Rejection> {
    let is_source = |name| {
        let mut actions = definition.stages.iter().flat_map(|stage| &stage.actions);
        actions.any(|action| action.name == name && action.action_type_id.category == Category::Source)
    };
    if let Some(wrong) = overrides.iter().find(|it| !is_source(it.action.clone())) {
        return Err(Rejection::NoSourceAction { action: wrong.action.clone() });
    }
    let is_git = |name| {
        let mut actions = definition.stages.iter().flat_map(|stage| &stage.actions);
        actions.any(|action| action.name == name && action.action_type_id.is_git_source())
    };
    let wrong = |it: &&RevisionOverride| it.kind != RevisionKind::CommitId && is_git(it.action.clone());
    overrides.iter().find(wrong).map_or(Ok(()), |wrong| {
        let problem = format!(
            "`{}` is a git source and takes no revision override {}, only COMMIT_ID",
            wrong.action, wrong.kind
        );
        Err(Rejection::Invalid { problem })
    })
}

/// Polling finds commits whose webhook is lost, or late: of the two, whoever comes second starts nothing. Two webhooks
/// of one commit are two pushes.
fn check_news(draft: &Draft<'_>, pipeline: &PipelineState, start: &Start<'_>) -> Result<(), Rejection> {
    let is_polled = !start.overrides.is_empty() && pipeline.polled == start.overrides;
    let carries = |kinds: &[TriggerKind]| {
        let mut executions = draft.state.executions.values();
        executions.any(|it| kinds.contains(&it.trigger.kind) && it.overrides == start.overrides)
    };
    let is_known = match start.trigger.kind {
        TriggerKind::Webhook => is_polled,
        TriggerKind::PollForSourceChanges => {
            is_polled || carries(&[TriggerKind::Webhook, TriggerKind::PollForSourceChanges])
        }
        TriggerKind::StartPipelineExecution
        | TriggerKind::CloudWatchEvent
        | TriggerKind::ManualRollback
        | TriggerKind::Other(_) => false,
    };
    if is_known {
        let problem =
            "an execution of this commit was started before: reconciliation and the webhook both found it";
        return Err(Rejection::Invalid { problem: problem.into() });
    }
    Ok(())
}
