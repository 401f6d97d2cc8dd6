//! Builds what an approver sees from the state.

use penstock_engine::state::{Attempt, Execution, Position, State};
use penstock_model::artifact::Artifact;
use penstock_model::id::{AttemptId, StageName};
use penstock_model::pipeline::{Action, Category, Pipeline, Stage};

use super::ApprovalView;
use crate::dispatch::resolve::resolve_what_is_known;
use crate::port::PortError;
use crate::port::approvers::ApproverName;
use crate::port::outputs::Outputs;
use crate::port::store::Snapshot;
use crate::view::{first_revision, trigger_in_words};

/// What of a deployment's configuration says where it deploys, in the order in which it is told.
const TARGET_KEYS: [&str; 6] =
    ["ApplicationName", "DeploymentGroupName", "BucketName", "StackName", "ServiceName", "FunctionName"];

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
        commit: first_revision(execution, pipeline).cloned(),
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

/// The deployments that follow, in words.
async fn follows(
    outputs: &dyn Outputs,
    pipeline: &Pipeline,
    execution: &Execution,
    (stage, approval): (&StageName, &Action),
) -> Result<Vec<String>, PortError> {
    let mut lines = vec![];
    for (stage, action) in deployments(pipeline, stage, approval) {
        let target = target(action);
        let target = resolve_what_is_known(outputs, pipeline, execution, &stage.name, &target).await?;
        lines.push(deployment(stage, &target));
    }
    Ok(lines)
}

/// Later deployments of the approval's stage, then those of the stages up to the next approval.
fn deployments<'a>(
    pipeline: &'a Pipeline,
    stage: &StageName,
    approval: &Action,
) -> Vec<(&'a Stage, &'a Action)> {
    let mut found = vec![];
    for stage in pipeline.stages.iter().skip_while(|it| it.name != *stage) {
        let here = stage.action(&approval.name).is_some_and(|action| action == approval);
        let after = if here { approval.run_order } else { 0 };
        let mut actions: Vec<&Action> =
            stage.actions.iter().filter(|action| action.run_order > after).collect();
        actions.sort_by_key(|action| action.run_order);
        for action in actions {
            if action.action_type_id.category == Category::Approval {
                return found;
            }
            if action.action_type_id.category == Category::Deploy {
                found.push((stage, action));
            }
        }
    }
    found
}

/// `action` with nothing but what says where it deploys: of the rest nothing has to be read.
fn target(action: &Action) -> Action {
    let mut target = action.clone();
    target.configuration.retain(|key, _| TARGET_KEYS.contains(&key.as_str()));
    target.environment_variables.clear();
    target
}

fn deployment(stage: &Stage, action: &Action) -> String {
    let target: Vec<&str> =
        TARGET_KEYS.iter().filter_map(|key| action.configuration.get(*key)).map(String::as_str).collect();
    let onto = if target.is_empty() { String::new() } else { format!(" to {}", target.join(" / ")) };
    format!("{} / {}: deploy with {}{onto}", stage.name, action.name, action.action_type_id.provider)
}
