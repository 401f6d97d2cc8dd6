//! `penstock approve` and `penstock reject`: a person's verdict.

use clap::Args;
use penstock_model::id::{ActionName, PipelineName, StageName};
use serde_json::json;

use super::stage::or_suggest_place;
use super::status::named;
use super::{Output, Server};
use crate::exit::Exit;
use crate::reach::{ApprovalPlace, Reach};
use crate::show::out;

/// Approve what waits for a verdict
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  penstock approve web --stage Approval --action GoLive --comment 'looks good'")]
pub(crate) struct Approve {
    #[command(flatten)]
    verdict: Verdict,
}

/// Reject what waits for a verdict: the stage fails
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  penstock reject web --stage Approval --action GoLive --comment 'the logo is missing'")]
pub(crate) struct Reject {
    #[command(flatten)]
    verdict: Verdict,
}

#[derive(Debug, Args)]
struct Verdict {
    /// The pipeline
    pipeline: PipelineName,
    /// The stage
    #[arg(long)]
    stage: StageName,
    /// The approval action
    #[arg(long)]
    action: ActionName,
    /// The execution, or the beginning of its id, where several wait
    #[arg(long, value_name = "EXECUTION")]
    exec: Option<String>,
    /// Why; at most 512 characters
    #[arg(long, default_value = "", hide_default_value = true)]
    comment: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Approve {
    /// Approves.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        self.verdict.give(true).await
    }
}

impl Reject {
    /// Rejects.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        self.verdict.give(false).await
    }
}

impl Verdict {
    async fn give(self, approved: bool) -> anyhow::Result<Exit> {
        let client = self.server.client().await?;
        let execution = named(&client, &self.pipeline, self.exec.as_deref()).await?;
        let place =
            ApprovalPlace { pipeline: self.pipeline, execution, stage: self.stage, action: self.action };
        let given = client.verdict(&place, approved, &self.comment).await;
        let ApprovalPlace { pipeline, execution, stage, action } = &place;
        or_suggest_place(&client, pipeline, stage, Some(action.as_str()), given).await?;
        let verdict = if approved { "Approved" } else { "Rejected" };
        if self.output.is_json() {
            out::json(&json!({
                "pipeline": pipeline, "executionId": execution, "stage": stage, "action": action, "verdict": verdict,
            }))?;
        } else {
            out::line(format!("{verdict} {stage}/{action}"))?;
        }
        Ok(Exit::Succeeded)
    }
}
