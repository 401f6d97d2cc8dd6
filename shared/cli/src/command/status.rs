//! `penstock status`: where an execution stands.

use clap::Args;
use penstock_app::engine::state::ExecutionStatus;
use penstock_app::view::{ActionStanding, ActionView, ExecutionView, StageStanding, StageView};
use penstock_model::id::{ActionName, ExecutionId, PipelineName, StageName};
use serde::Serialize;
use serde_json::json;

use super::list::{pipelines, refused};
use super::{Output, Server};
use crate::client::{Client, executions, suggest};
use crate::exit::{Exit, Failure};
use crate::follow::{Approvals, Follow, OnInterrupt};
use crate::keyboard::Keyboard;
use crate::reach::Reach;
use crate::show::tree::{LastLines, Picture};
use crate::show::{failure, out};

/// Show where an execution stands: its stages, actions, times and failures
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  penstock status web             the latest execution
  penstock status web --follow    until it ends; Ctrl-C ends only the looking
  penstock status web --format json | jq -r .status

With --follow the exit code tells how the execution ended; without, that it could be shown.")]
pub(crate) struct Status {
    /// The pipeline
    pipeline: PipelineName,
    /// The execution, or the beginning of its id; by default the latest
    execution: Option<String>,
    /// Look on until it ends
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Status {
    /// Shows it.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        let client = self.server.client().await?;
        let found = self.find(&client).await;
        let view = or_suggest(&client, &self.pipeline, found).await?;
        if self.follow && !self.output.is_json() {
            return follow(&client, &view.pipeline, &view.execution_id, OnInterrupt::EndLooking).await;
        }
        if self.output.is_json() {
            out::json(&Shown::new(&view))?;
        } else {
            print(&client, &view).await?;
            // What cannot be listed hides nothing of what was asked for.
            let listed = pipelines(&client).await.unwrap_or_default();
            let listed = listed.into_iter().find(|it| it.name == self.pipeline);
            if let Some(refusal) = listed.and_then(|it| it.refusal) {
                out::line(refused(&refusal))?;
            }
        }
        Ok(Exit::Succeeded)
    }
}

impl Status {
    async fn find(&self, client: &Client) -> anyhow::Result<ExecutionView> {
        let id = match &self.execution {
            Some(text) => Some(executions::named(client, Some(&self.pipeline), text).await?),
            None => None,
        };
        client.execution(&self.pipeline, id.as_ref()).await
    }
}

/// Follows an execution of a server, where others decide about approvals.
pub(super) async fn follow(
    client: &Client,
    pipeline: &PipelineName,
    execution: &ExecutionId,
    on_interrupt: OnInterrupt,
) -> anyhow::Result<Exit> {
    let follow = Follow { reach: client, pipeline, execution, approvals: Approvals::Leave, on_interrupt };
    follow.until_the_end(&mut Keyboard::default()).await
}

/// A still picture with what failed.
async fn print(reach: &dyn Reach, view: &ExecutionView) -> anyhow::Result<()> {
    let width =
        console::Term::stdout().size_checked().map_or(usize::MAX, |(_, columns)| usize::from(columns));
    let picture = Picture { frame: None, last_lines: &LastLines::new(), width, fold: false };
    for line in picture.lines(view) {
        out::line(line)?;
    }
    for line in failure::lines(reach, view).await {
        out::line(line)?;
    }
    Ok(())
}

/// `result`, or an error that names the pipeline that was probably meant.
pub(super) async fn or_suggest<T>(
    client: &Client,
    pipeline: &PipelineName,
    result: anyhow::Result<T>,
) -> anyhow::Result<T> {
    let Err(error) = result else { return result };
    if crate::exit::of(&error) != Exit::Misused {
        return Err(error);
    }
    let known = pipelines(client).await?;
    if known.iter().any(|listed| listed.name == *pipeline) {
        return Err(error);
    }
    let names: Vec<String> = known.iter().map(|listed| listed.name.to_string()).collect();
    let hint = match names.as_slice() {
        [] => "; penstock apply creates one".to_owned(),
        names => suggest::hint(pipeline.as_str(), names),
    };
    Err(Failure::misused(format!("there is no pipeline `{pipeline}`{hint}")).into())
}

/// The shape on which other programs rely.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    pipeline: &'a PipelineName,
    execution_id: &'a ExecutionId,
    status: ExecutionStatus,
    commit: Option<&'a str>,
    stages: Vec<ShownStage<'a>>,
}

#[derive(Serialize)]
struct ShownStage<'a> {
    name: &'a StageName,
    status: StageStanding,
    actions: Vec<ShownAction<'a>>,
}

#[derive(Serialize)]
struct ShownAction<'a> {
    name: &'a ActionName,
    status: ActionStanding,
    attempt: u32,
    summary: Option<&'a str>,
    link: Option<&'a str>,
}

impl<'a> Shown<'a> {
    fn new(view: &'a ExecutionView) -> Self {
        Self {
            pipeline: &view.pipeline,
            execution_id: &view.execution_id,
            status: view.status,
            commit: view.commit.as_deref(),
            stages: view.stages.iter().map(ShownStage::new).collect(),
        }
    }
}

impl<'a> ShownStage<'a> {
    fn new(stage: &'a StageView) -> Self {
        let action = |action: &'a ActionView| ShownAction {
            name: &action.name,
            status: action.status,
            attempt: action.attempt,
            summary: action.summary.as_deref(),
            link: action.link.as_deref(),
        };
        Self { name: &stage.name, status: stage.status, actions: stage.actions.iter().map(action).collect() }
    }
}

/// Says which execution goes on or begins, and looks on if that is wanted.
pub(super) async fn tell(
    client: &Client,
    pipeline: &PipelineName,
    execution: &ExecutionId,
    output: &Output,
    look_on: bool,
    said: &[String],
) -> anyhow::Result<Exit> {
    if output.is_json() {
        out::json(&json!({ "executionId": execution }))?;
        return Ok(Exit::Succeeded);
    }
    if look_on {
        return follow(client, pipeline, execution, OnInterrupt::StopExecution).await;
    }
    for line in said {
        out::line(line)?;
    }
    Ok(Exit::Succeeded)
}
