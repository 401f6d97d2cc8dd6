//! Builds what an approver sees from the state.

use penstock_engine::state::{Attempt, Execution, ExecutionKind, Position, State};
use penstock_model::artifact::Artifact;
use penstock_model::id::{AttemptId, StageName};
use penstock_model::pipeline::{Action, Category, Pipeline, Stage};

use super::{ApprovalView, SourceRevision};
use crate::dispatch::resolve::resolve_what_is_known;
use crate::port::PortError;
use crate::port::approvers::ApproverName;
use crate::port::outputs::Outputs;
use crate::port::store::Snapshot;
use crate::view::{revisions, trigger_in_words};

/// What of an action's configuration says where it deploys or what it runs, in the order in which it is told.
const TARGET_KEYS: [&str; 7] = [
    "ApplicationName",
    "DeploymentGroupName",
    "BucketName",
    "StackName",
    "ServiceName",
    "FunctionName",
    "ProjectName",
];

/// What the approver of `id` sees; `None` if the state or the definition does not know it.
pub(super) async fn view(
    snapshot: &Snapshot,
    outputs: &dyn Outputs,
    id: AttemptId,
    approver: Option<ApproverName>,
) -> Result<Option<ApprovalView>, PortError> {
    let Some((execution, pipeline, action, attempt)) = find(snapshot, &id) else {
        return Ok(None);
    };
    let resolved = resolve_what_is_known(outputs, pipeline, execution, &id.stage, action).await?;
    let configuration = resolved.configuration;
    Ok(Some(ApprovalView {
        pipeline: execution.pipeline.clone(),
        stage: id.stage.clone(),
        action: id.action.clone(),
        custom_data: configuration.get("CustomData").cloned(),
        external_link: configuration.get("ExternalEntityLink").cloned(),
        topic: configuration.get("NotificationArn").filter(|arn| !arn.is_empty()).cloned(),
        requested_at: attempt.scheduled_at,
        expires_at: attempt.deadline,
        revisions: revisions(execution, pipeline)
            .into_iter()
            .map(|(source, revision)| SourceRevision { source: source.clone(), revision: revision.clone() })
            .collect(),
        artifacts: artifacts(execution),
        waiting_behind: waiting_behind(&snapshot.state, &id.stage),
        trigger: trigger_in_words(&execution.trigger),
        will_do: follows(outputs, pipeline, execution, (&id.stage, action)).await?,
        attempt: id,
        approver,
    }))
}

fn find<'a>(
    snapshot: &'a Snapshot,
    id: &AttemptId,
) -> Option<(&'a Execution, &'a Pipeline, &'a Action, &'a Attempt)> {
    let execution = snapshot.state.executions.get(&id.execution)?;
    let pipeline = snapshot.definitions.get(&execution.definition)?;
    let action = pipeline.stage(&id.stage)?.action(&id.action)?;
    Some((execution, pipeline, action, execution.attempt(id)?))
}

fn artifacts(execution: &Execution) -> Vec<Artifact> {
    let runs = execution.inherited.iter().chain(&execution.stages);
    let attempts = runs.flat_map(|run| run.actions.values()).filter(|attempt| attempt.has_succeeded());
    attempts.flat_map(|attempt| attempt.artifacts.iter().cloned()).collect()
}

/// How many executions wait to enter `stage`.
pub(crate) fn waiting_behind(state: &State, stage: &StageName) -> u32 {
    let waits = |execution: &Execution| matches!(&execution.position, Position::Waiting { stage: at, .. } if at == stage);
    u32::try_from(state.executions.values().filter(|execution| waits(execution)).count()).unwrap_or(u32::MAX)
}

/// The actions that follow, in words.
async fn follows(
    outputs: &dyn Outputs,
    pipeline: &Pipeline,
    execution: &Execution,
    (stage, approval): (&StageName, &Action),
) -> Result<Vec<String>, PortError> {
    let mut lines = vec![];
    for (stage, action) in following(pipeline, &execution.kind, stage, approval) {
        let target = target(action);
        let target = resolve_what_is_known(outputs, pipeline, execution, &stage.name, &target).await?;
        lines.push(in_words(stage, &target));
    }
    Ok(lines)
}

/// Later actions of the approval's stage, then those of the stages up to the next approval, with what runs beside it:
/// any of them may change something, as a command that applies a plan does. A rollback ends with its stage.
fn following<'a>(
    pipeline: &'a Pipeline,
    kind: &ExecutionKind,
    approvals_stage: &StageName,
    approval: &Action,
) -> Vec<(&'a Stage, &'a Action)> {
    let mut found = vec![];
    for stage in pipeline.stages.iter().skip_while(|it| it.name != *approvals_stage) {
        let after = if stage.name == *approvals_stage { approval.run_order } else { 0 };
        let mut actions: Vec<&Action> =
            stage.actions.iter().filter(|action| action.run_order > after).collect();
        actions.sort_by_key(|action| action.run_order);
        let is_approval = |action: &&&Action| action.action_type_id.category == Category::Approval;
        let next = actions.iter().find(is_approval).map(|next| next.run_order);
        let before =
            actions.iter().filter(|it| !is_approval(it) && next.is_none_or(|next| it.run_order <= next));
        found.extend(before.map(|action| (stage, *action)));
        if next.is_some() || matches!(kind, ExecutionKind::Rollback { .. }) {
            break;
        }
    }
    found
}

/// `action` with nothing but what says where it deploys or what it runs: of the rest nothing has to be read.
fn target(action: &Action) -> Action {
    let mut target = action.clone();
    target.configuration.retain(|key, _| TARGET_KEYS.contains(&key.as_str()));
    target.environment_variables.clear();
    target
}

fn in_words(stage: &Stage, action: &Action) -> String {
    let target: Vec<&str> =
        TARGET_KEYS.iter().filter_map(|key| action.configuration.get(*key)).map(String::as_str).collect();
    let (target, provider) = (target.join(" / "), &action.action_type_id.provider);
    let what = match (action.action_type_id.category, target.is_empty()) {
        (Category::Deploy, true) => format!("deploy with {provider}"),
        (Category::Deploy, false) => format!("deploy with {provider} to {target}"),
        (
            Category::Source
            | Category::Build
            | Category::Test
            | Category::Invoke
            | Category::Approval
            | Category::Compute,
            no_target,
        ) => {
            if no_target {
                format!("runs {provider}")
            } else {
                format!("runs {provider} {target}")
            }
        }
    };
    format!("{} / {}: {what}", stage.name, action.name)
}
