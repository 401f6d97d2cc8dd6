//! `penstock start`: one more execution of a pipeline.

use clap::Args;
use penstock_model::id::{ExecutionId, PipelineName};
use serde_json::json;

use super::status::{or_suggest, tell};
use super::{Output, Server};
use crate::exit::{Exit, Failure};

/// Start an execution of a pipeline
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  penstock start web
  penstock start web --var REGION=eu --var DRY_RUN=no
  penstock start web --follow     until it ends; Ctrl-C stops the execution
  penstock start web --format json | jq -r .executionId")]
pub(crate) struct Start {
    /// The pipeline
    pipeline: PipelineName,
    /// A pipeline variable's value; may be given several times
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, String)>,
    /// Look on until it ends
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

pub(super) fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("write NAME=VALUE".into()),
    }
}

impl Start {
    /// Starts it.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        let client = self.server.client().await?;
        let variables: Vec<_> =
            self.variables.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        let mut request = json!({ "name": self.pipeline });
        if !variables.is_empty() {
            request["variables"] = variables.into();
        }
        let answer = client.operation("StartPipelineExecution", &request).await;
        let answer = or_suggest(&client, &self.pipeline, answer).await?;
        let id = answer["pipelineExecutionId"].as_str().unwrap_or_default();
        let id = ExecutionId::new(id)
            .map_err(|error| Failure::new(Exit::Failed, format!("the server's answer is odd: {error}")))?;
        let follow = format!("Follow it: penstock status {} --follow{}", self.pipeline, client.again());
        let said = [format!("Started {id}"), follow];
        tell(&client, &self.pipeline, &id, &self.output, self.follow, &said).await
    }
}
