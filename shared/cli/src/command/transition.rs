//! `penstock disable` and `penstock enable`: the transition into a stage.

use clap::Args;
use penstock_model::id::{PipelineName, StageName};
use serde_json::json;

use super::stage::or_suggest_place;
use super::{Output, Server};
use crate::exit::Exit;
use crate::show::out;

/// Let executions enter a stage again
#[derive(Debug, Args)]
pub(crate) struct Enable {
    #[command(flatten)]
    place: Place,
    /// Accepted for symmetry with `disable`; only a disabling keeps its reason
    #[arg(long, hide = true)]
    reason: Option<String>,
}

/// Hold executions back before a stage
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  penstock disable web --stage Deploy --reason 'no deployments before the fair'

In SUPERSEDED mode only the latest execution that waits goes on once the stage is enabled.")]
pub(crate) struct Disable {
    #[command(flatten)]
    place: Place,
    /// Why, for those who wait; at most 300 characters
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Debug, Args)]
struct Place {
    /// The pipeline
    pipeline: PipelineName,
    /// The stage
    #[arg(long)]
    stage: StageName,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Enable {
    /// Enables it.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        self.place.ask("EnableStageTransition", None).await?;
        let Place { pipeline, stage, .. } = &self.place;
        match self.place.output.is_json() {
            true => out::json(&json!({ "pipeline": pipeline, "stage": stage, "enabled": true }))?,
            false => out::line(format!("Executions may enter {stage} again."))?,
        }
        Ok(Exit::Succeeded)
    }
}

impl Disable {
    /// Disables it.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        // The API wants a reason; who disables it is recorded beside it.
        let reason = self.reason.as_deref().unwrap_or("no reason given");
        self.place.ask("DisableStageTransition", Some(reason)).await?;
        let Place { pipeline, stage, .. } = &self.place;
        if self.place.output.is_json() {
            out::json(&json!({ "pipeline": pipeline, "stage": stage, "enabled": false, "reason": reason }))?;
        } else {
            out::line(format!("No execution enters {stage} until it is enabled: {reason}"))?;
        }
        Ok(Exit::Succeeded)
    }
}

impl Place {
    async fn ask(&self, operation: &str, reason: Option<&str>) -> anyhow::Result<()> {
        let client = self.server.client().await?;
        let mut request =
            json!({ "pipelineName": self.pipeline, "stageName": self.stage, "transitionType": "Inbound" });
        if let Some(reason) = reason {
            request["reason"] = reason.into();
        }
        let answer = client.operation(operation, &request).await;
        or_suggest_place(&client, &self.pipeline, &self.stage, None, answer).await?;
        Ok(())
    }
}
