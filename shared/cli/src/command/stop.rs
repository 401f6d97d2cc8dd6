//! `penstock stop`: ends an execution before its end.

use clap::Args;
use penstock_model::id::{ExecutionId, PipelineName};

use super::Server;
use super::status::or_suggest;
use crate::exit::Exit;
use crate::reach::Reach;
use crate::show::out;

/// Stop an execution: wait for its running actions, or abandon them
#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// The pipeline
    pipeline: PipelineName,
    /// The execution, as `penstock history` shows it
    execution: ExecutionId,
    /// End what runs instead of waiting for it
    #[arg(long)]
    abandon: bool,
    #[command(flatten)]
    server: Server,
}

impl Stop {
    /// Stops it.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        let client = self.server.client().await?;
        let stopped = client.stop(&self.pipeline, &self.execution, self.abandon).await;
        or_suggest(&client, &self.pipeline, stopped).await?;
        out::line(match self.abandon {
            true => format!("Stopping {}; what runs is abandoned.", self.execution),
            false => format!("Stopping {}; what runs may end first.", self.execution),
        })?;
        Ok(Exit::Succeeded)
    }
}
