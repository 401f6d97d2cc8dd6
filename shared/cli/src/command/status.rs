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

With --follow the exit code tells how the execution ended; without, that it could be shown. With --follow and
--format json nothing is printed before the end.")]
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
        let (pipeline, execution, quiet) = (&view.pipeline, &view.execution_id, self.output.is_json());
        if !self.follow {
            match quiet {
                true => out::json(&Shown::new(&view))?,
                false => self.show(&client, &view).await?,
            }
            return Ok(Exit::Succeeded);
        }
        let exit = follow(&client, pipeline, execution, OnInterrupt::EndLooking, quiet).await?;
        if quiet {
            out::json(&Shown::new(&client.execution(pipeline, Some(execution)).await?))?;
        }
        Ok(exit)
    }

    async fn show(&self, client: &Client, view: &ExecutionView) -> anyhow::Result<()> {
        print(client, view).await?;
        // What cannot be listed hides nothing of what was asked for.
        let listed = pipelines(client).await.unwrap_or_default();
        let listed = listed.into_iter().find(|it| it.name == self.pipeline);
        if let Some(refusal) = listed.and_then(|it| it.refusal) {
            out::line(refused(&refusal))?;
        }
        Ok(())
    }
}

impl Status {
    async fn find(&self, client: &Client) -> anyhow::Result<ExecutionView> {
        let id = named(client, &self.pipeline, self.execution.as_deref()).await?;
        client.execution(&self.pipeline, id.as_ref()).await
    }
}

/// The execution of `pipeline` that `text` names, if it names one.
pub(super) async fn named(
    client: &Client,
    pipeline: &PipelineName,
    text: Option<&str>,
) -> anyhow::Result<Option<ExecutionId>> {
    let Some(text) = text else { return Ok(None) };
    let found = executions::named(client, Some(pipeline), text).await;
    or_suggest(client, pipeline, found).await.map(Some)
}

/// Follows an execution of a server, where others decide about approvals; without a word if it is to be `quiet`.
pub(super) async fn follow(
    client: &Client,
    pipeline: &PipelineName,
    execution: &ExecutionId,
    on_interrupt: OnInterrupt,
    quiet: bool,
) -> anyhow::Result<Exit> {
    let approvals = Approvals::Leave;
    let follow = Follow { reach: client, pipeline, execution, approvals, on_interrupt, quiet };
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
    let quiet = output.is_json();
    if quiet {
        out::json(&json!({ "executionId": execution }))?;
    }
    if look_on {
        return follow(client, pipeline, execution, OnInterrupt::StopExecution, quiet).await;
    }
    if !quiet {
        said.iter().try_for_each(out::line)?;
    }
    Ok(Exit::Succeeded)
}
