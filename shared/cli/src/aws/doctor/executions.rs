//! Executions that have been open for longer than expected, what they wait for, and closed transitions.

use penstock_app::view::{ActionStanding, ActionView, ExecutionView, StageStanding, StageView};
use penstock_aws::store::TableStore;
use penstock_model::id::PipelineName;
use penstock_model::pipeline::Category;
use serde_json::{Value as Json, json};

use super::{Expectation, Finding, state};
use crate::aws::installation::Installation;
use crate::client::Client;
use crate::command::{Listed, pipelines};
use crate::show::brief;
use crate::show::duration::{elapsed, now};
use crate::show::glyph::{Look, of_action};

/// How many of a pipeline's executions are looked at; those that are open are among the newest.
const LATEST: usize = 50;

/// What is found at every pipeline.
pub(super) async fn findings(
    installation: &Installation,
    expected: Expectation,
) -> anyhow::Result<Vec<Finding>> {
    let client = installation.client()?;
    let mut visit = Visit {
        stack: &installation.stack.name,
        store: state::store(installation).ok(),
        expected,
        found: vec![],
    };
    let listed = pipelines(&client).await?;
    for pipeline in &listed {
        visit.refused(pipeline);
        // One that cannot be looked at keeps nobody from the others.
        if let Err(error) = visit.pipeline(&client, &pipeline.name).await {
            visit.found.push(Finding::unseen("pipeline", &format!("{} was", pipeline.name), &error));
        }
    }
    Ok(visit.found)
}

/// A visit of all pipelines.
struct Visit<'a> {
    stack: &'a str,
    store: Option<TableStore>,
    expected: Expectation,
    found: Vec<Finding>,
}

impl Visit<'_> {
    async fn pipeline(&mut self, client: &Client, pipeline: &PipelineName) -> anyhow::Result<()> {
        self.transitions(client, pipeline).await?;
        let path = format!("/penstock/v1/pipelines/{pipeline}/executions?limit={LATEST}");
        let views: Vec<ExecutionView> = client.get(&path).await?;
        for view in views.iter().filter(|view| !view.status.is_terminal()) {
            self.execution(view).await;
        }
        Ok(())
    }

    /// A pipeline that was accepted once and cannot be performed now.
    fn refused(&mut self, pipeline: &Listed) {
        if let Some(refusal) = &pipeline.refusal {
            let message = format!("nothing starts {}: {refusal}", pipeline.name);
            let command = format!("penstock apply FILE --stack {}", self.stack);
            self.found.push(Finding::attention("refused", &message, command));
        }
    }

    async fn transitions(&mut self, client: &Client, pipeline: &PipelineName) -> anyhow::Result<()> {
        let state = client.operation("GetPipelineState", &json!({ "name": pipeline })).await?;
        let stages = state["stageStates"].as_array().into_iter().flatten();
        let stack = self.stack;
        self.found.extend(stages.filter_map(|stage| closed(stack, pipeline, stage)));
        Ok(())
    }

    async fn execution(&mut self, view: &ExecutionView) {
        for stage in &view.stages {
            for action in stage.actions.iter().filter(|action| action.status == ActionStanding::InProgress) {
                self.claim(view, stage, action).await;
                self.found.extend(self.overdue(view, stage, action));
            }
            self.found.extend(self.waiting(view, stage));
        }
        self.found.extend(self.idle(view));
    }

    /// A claim that cannot be looked at is told once, by the table's other findings.
    async fn claim(&mut self, view: &ExecutionView, stage: &StageView, action: &ActionView) {
        let attempt = view.attempt_id(stage, action);
        if let Some(store) = &self.store {
            let found = state::claim(store, self.stack, &attempt).await;
            self.found.extend(found.unwrap_or_default());
        }
    }

    fn overdue(&self, view: &ExecutionView, stage: &StageView, action: &ActionView) -> Option<Finding> {
        let begun = action.started_at?;
        let minutes = (now().0 - begun.0) / 60_000;
        let (pipeline, execution) = (&view.pipeline, &view.execution_id);
        let place = format!("{pipeline} {}: {}/{}", brief(execution), stage.name, action.name);
        if of_action(action) == Look::Asking {
            let message = format!("{place} has waited {} for a verdict", elapsed(begun, None));
            let command = format!(
                "penstock approve {pipeline} --stage {} --action {} --exec {execution} --stack {}",
                stage.name, action.name, self.stack
            );
            return (minutes >= i64::from(self.expected.approval_minutes))
                .then(|| Finding::attention("approval", &message, command));
        }
        let link = action.link.as_deref().map(|link| format!("; {link}")).unwrap_or_default();
        let message = format!("{place} has run at {} for {}{link}", action.provider, elapsed(begun, None));
        let command = format!("penstock stop {pipeline} {execution} --abandon --stack {}", self.stack);
        (minutes >= i64::from(self.expected.action_minutes))
            .then(|| Finding::attention("action", &message, command))
    }

    /// What waits before a stage, unless a closed transition holds it back, which is told by itself.
    fn waiting(&self, view: &ExecutionView, stage: &StageView) -> Option<Finding> {
        let note = stage.note.as_deref().filter(|_| stage.status == StageStanding::Waiting)?;
        let minutes = (now().0 - last_step(view)) / 60_000;
        let message =
            format!("{} {} waits before {}: {note}", view.pipeline, brief(&view.execution_id), stage.name);
        let command = format!("penstock status {} --stack {}", view.pipeline, self.stack);
        (minutes >= i64::from(self.expected.action_minutes))
            .then(|| Finding::notice("waiting", &message, command))
    }

    /// An open execution in which nothing is under way and nothing waits should have gone on.
    fn idle(&self, view: &ExecutionView) -> Option<Finding> {
        let moves = |stage: &StageView| {
            stage.status == StageStanding::Waiting
                || stage.actions.iter().any(|action| {
                    action.status == ActionStanding::InProgress
                        && (action.started_at.is_some() || action.category == Category::Approval)
                })
        };
        let minutes = (now().0 - last_step(view)) / 60_000;
        let stuck = !view.stages.iter().any(moves) && minutes >= 20;
        let message = format!(
            "{} {} is open, and nothing has moved it for {minutes} minutes: a message was lost or lies dead, or the sweeper does not run",
            view.pipeline,
            brief(&view.execution_id)
        );
        stuck
            .then(|| Finding::attention("idle", &message, format!("penstock redrive --stack {}", self.stack)))
    }
}

/// When something last happened in an execution, in milliseconds.
fn last_step(view: &ExecutionView) -> i64 {
    let actions = view.stages.iter().flat_map(|stage| &stage.actions);
    let times = actions.flat_map(|action| [action.started_at, action.ended_at]).flatten();
    times.map(|time| time.0).fold(view.started_at.0, i64::max)
}

/// A stage that no execution enters until somebody says so.
fn closed(stack: &str, pipeline: &PipelineName, stage: &Json) -> Option<Finding> {
    let transition = &stage["inboundTransitionState"];
    if transition["enabled"] != false {
        return None;
    }
    let name = stage["stageName"].as_str().unwrap_or_default();
    let text = |key: &str| transition[key].as_str().unwrap_or_default();
    let message = format!(
        "{pipeline}: no execution enters {name}, by {}: {}",
        text("lastChangedBy"),
        text("disabledReason")
    );
    let command = format!("penstock enable {pipeline} --stage {name} --stack {stack}");
    Some(Finding::notice("transition", &message, command))
}

#[cfg(test)]
mod tests {
    use penstock_model::time::Timestamp;

    use super::*;

    fn view(stages: &Json, started: i64) -> ExecutionView {
        serde_json::from_value(json!({
            "pipeline": "web", "executionId": "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607", "status": "InProgress", "commit": null,
            "commitSummary": null, "trigger": "t", "startedAt": Timestamp(started), "endedAt": null, "statusSummary": null,
            "rollbackOf": null, "stages": stages
        }))
        .unwrap()
    }

    fn visit() -> Visit<'static> {
        let expected = Expectation { action_minutes: 60, approval_minutes: 60 };
        Visit { stack: "s", store: None, expected, found: vec![] }
    }

    fn stage(category: &str, status: &str, started: Option<i64>) -> Json {
        json!([{ "name": "Build", "status": "InProgress", "note": null, "waitingBehind": 0, "actions": [{
            "name": "Compile", "category": category, "provider": "CodeBuild", "status": status, "attempt": 1, "summary": null,
            "errorCode": null, "link": null, "startedAt": started.map(Timestamp), "endedAt": null
        }] }])
    }

    #[tokio::test]
    async fn what_takes_too_long_is_told_with_the_command_that_helps() {
        let (ago, just) = (now().0 - 2 * 3_600_000, now().0 - 1000);
        let mut visit = visit();
        visit.execution(&view(&stage("Build", "InProgress", Some(just)), just)).await;
        assert_eq!(visit.found, []);
        visit.execution(&view(&stage("Build", "InProgress", Some(ago)), ago)).await;
        visit.execution(&view(&stage("Approval", "InProgress", Some(ago)), ago)).await;
        visit.execution(&view(&stage("Build", "NotStarted", None), ago)).await;
        let codes: Vec<_> = visit.found.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, ["action", "approval", "idle"]);
        assert!(visit.found[1].command.as_deref().unwrap().starts_with("penstock approve web --stage Build"));
    }

    #[test]
    fn a_pipeline_that_nothing_starts_is_told() {
        let mut visit = visit();
        let listed = |refusal: Json| {
            let text = json!({ "name": "web", "version": 1, "updatedAt": Timestamp(0), "refusal": refusal });
            serde_json::from_value::<Listed>(text).unwrap()
        };
        visit.refused(&listed(Json::Null));
        assert_eq!(visit.found, []);
        visit.refused(&listed(json!("it runs in eu-west-1")));
        assert_eq!(visit.found[0].message, "nothing starts web: it runs in eu-west-1");
    }

    #[test]
    fn closed_transitions_are_told() {
        let open = json!({ "stageName": "Deploy", "inboundTransitionState": { "enabled": true } });
        let shut = json!({ "stageName": "Deploy", "inboundTransitionState":
            { "enabled": false, "lastChangedBy": "jo", "disabledReason": "fair" } });
        let web: PipelineName = "web".parse().unwrap();
        assert_eq!(closed("s", &web, &open), None);
        let found = closed("s", &web, &shut).unwrap();
        assert_eq!(found.message, "web: no execution enters Deploy, by jo: fair");
        assert_eq!(found.command.as_deref(), Some("penstock enable web --stage Deploy --stack s"));
    }
}
