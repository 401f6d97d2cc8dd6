//! `penstock retry`: a failed stage again, in the same execution.

use clap::{Args, ValueEnum};
use penstock_model::id::{ExecutionId, PipelineName, StageName};
use serde::Deserialize;
use serde_json::json;

use super::stage::or_suggest_place;
use super::status::{named, tell};
use super::{Output, Server};
use crate::exit::Exit;

/// Try a failed stage again, in the same execution
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  penstock retry web --stage Deploy
  penstock retry web --stage Test --actions all --follow")]
pub(crate) struct Retry {
    /// The pipeline
    pipeline: PipelineName,
    /// The stage that failed
    #[arg(long)]
    stage: StageName,
    /// The execution, or the beginning of its id; by default the latest that failed there
    #[arg(long, value_name = "EXECUTION")]
    exec: Option<String>,
    /// Which of its actions
    #[arg(long, value_enum, default_value = "failed")]
    actions: Which,
    /// Look on until the execution ends
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

/// Which actions of a failed stage are tried again.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Which {
    /// Those that failed
    Failed,
    /// All
    All,
}

/// What the server answers to a retry and a rollback.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    /// The execution that goes on or begins.
    pub(super) execution_id: ExecutionId,
}

impl Retry {
    /// Retries it.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        let client = self.server.client().await?;
        let actions = match self.actions {
            Which::Failed => "FAILED_ACTIONS",
            Which::All => "ALL_ACTIONS",
        };
        let mut request = json!({ "actions": actions });
        if let Some(execution) = named(&client, &self.pipeline, self.exec.as_deref()).await? {
            request["executionId"] = execution.as_str().into();
        }
        let path = format!("/penstock/v1/pipelines/{}/stages/{}/retry", self.pipeline, self.stage);
        let answer = client.post(&path, &request).await;
        let Answer { execution_id } =
            or_suggest_place(&client, &self.pipeline, &self.stage, None, answer).await?;
        let said = format!("Retrying {} of {execution_id}", self.stage);
        tell(&client, &self.pipeline, &execution_id, &self.output, self.follow, &[said]).await
    }
}
