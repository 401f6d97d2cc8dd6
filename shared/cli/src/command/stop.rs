//! `penstock stop`: ends an execution before its end.

use clap::Args;
use penstock_model::id::PipelineName;
use serde_json::json;

use super::status::or_suggest;
use super::{Output, Server};
use crate::client::executions;
use crate::exit::Exit;
use crate::reach::Reach;
use crate::show::out;

/// Stop an execution: wait for its running actions, or abandon them
#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// The pipeline
    pipeline: PipelineName,
    /// The execution, or the beginning of its id, as `penstock history` shows it
    execution: String,
    /// End what runs instead of waiting for it
    #[arg(long)]
    abandon: bool,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Stop {
    /// Stops it.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        let client = self.server.client().await?;
        let (pipeline, abandon) = (&self.pipeline, self.abandon);
        let execution = executions::named(&client, Some(pipeline), &self.execution).await;
        let execution = or_suggest(&client, pipeline, execution).await?;
        let stopped = client.stop(pipeline, &execution, abandon).await;
        or_suggest(&client, pipeline, stopped).await?;
        if self.output.is_json() {
            out::json(&json!({ "pipeline": pipeline, "executionId": execution, "abandon": abandon }))?;
        } else {
            let what_runs = if abandon { "is abandoned" } else { "may end first" };
            out::line(format!("Stopping {execution}; what runs {what_runs}."))?;
        }
        Ok(Exit::Succeeded)
    }
}
