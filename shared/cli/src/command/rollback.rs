//! `penstock rollback`: a stage again with the revisions of an earlier success, as a new execution.

use clap::Args;
use penstock_model::id::{PipelineName, StageName};
use serde_json::json;

use super::retry::Answer;
use super::stage::or_suggest_place;
use super::status::{named, tell};
use super::{Output, Server};
use crate::exit::Exit;

/// Bring back what an earlier successful execution put into a stage, as a new execution
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  penstock rollback web --stage Deploy             to the success before the one there now
  penstock rollback web --stage Deploy --exec ID   to that execution's revisions")]
pub(crate) struct Rollback {
    /// The pipeline
    pipeline: PipelineName,
    /// The stage; never the source stage
    #[arg(long)]
    stage: StageName,
    /// The execution to go back to, or the beginning of its id; by default the latest success before the one there now
    #[arg(long, value_name = "EXECUTION")]
    exec: Option<String>,
    /// Look on until the new execution ends
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Rollback {
    /// Rolls back.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        let client = self.server.client().await?;
        let target = named(&client, &self.pipeline, self.exec.as_deref()).await?;
        let request = target.map_or(json!({}), |execution| json!({ "executionId": execution }));
        let path = format!("/penstock/v1/pipelines/{}/stages/{}/rollback", self.pipeline, self.stage);
        let answer = client.post(&path, &request).await;
        let Answer { execution_id } =
            or_suggest_place(&client, &self.pipeline, &self.stage, None, answer).await?;
        let said = format!("Rolling {} back, as execution {execution_id}", self.stage);
        tell(&client, &self.pipeline, &execution_id, &self.output, self.follow, &[said]).await
    }
}
