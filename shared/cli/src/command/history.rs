//! `penstock history`: the executions of a pipeline, newest first.

use clap::Args;
use console::style;
use penstock_app::view::ExecutionView;
use penstock_model::id::PipelineName;
use serde_json::{Value as Json, json};

use super::list::when;
use super::{Output, Server};
use crate::exit::Exit;
use crate::show::clean::clean;
use crate::show::duration::elapsed;
use crate::show::glyph::{self, look, of_stage};
use crate::show::{out, short};

/// Show a pipeline's executions, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  penstock history web
  penstock history web --limit 100 --format json")]
pub(crate) struct History {
    /// The pipeline
    pipeline: PipelineName,
    /// How many executions
    #[arg(long, default_value = "20", value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl History {
    /// Prints the executions.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        let client = self.server.client().await?;
        let path = format!("/penstock/v1/pipelines/{}/executions?limit={}", self.pipeline, self.limit);
        let views: Vec<ExecutionView> =
            super::status::or_suggest(&client, &self.pipeline, client.get(&path).await).await?;
        if self.output.is_json() {
            let executions: Vec<Json> = views.iter().map(as_json).collect();
            out::json(&json!({ "pipeline": self.pipeline, "executions": executions }))?;
        } else if views.is_empty() {
            let again = client.again();
            out::line(format!("No executions yet. Start one: penstock start {}{again}", self.pipeline))?;
        } else {
            for view in &views {
                out::line(text(view))?;
            }
        }
        Ok(Exit::Succeeded)
    }
}

fn as_json(view: &ExecutionView) -> Json {
    json!({
        "executionId": view.execution_id,
        "status": view.status,
        "statusSummary": view.status_summary,
        "commit": view.commit,
        "commitSummary": view.commit_summary,
        "trigger": view.trigger,
        "rollbackOf": view.rollback_of,
        "startedAt": view.started_at.to_string(),
        "endedAt": view.ended_at.map(|time| time.to_string()),
    })
}

fn text(view: &ExecutionView) -> String {
    let look = look(view.status);
    let stages: String = view.stages.iter().map(|stage| of_stage(stage).sign(None).to_string()).collect();
    let commit = view.commit.as_deref().map_or("-", short);
    let summary = view.commit_summary.as_deref().map(clean).unwrap_or_default();
    let rollback = view.rollback_of.as_ref().map(|target| format!(" back to {}", crate::show::brief(target)));
    format!(
        "{stages} {}  {:11} {:>7}  {}  {} {}{}  {}",
        when(view.started_at),
        look.paint(glyph::words(view.status.as_str())),
        elapsed(view.started_at, view.ended_at),
        view.execution_id,
        style(commit).yellow(),
        summary,
        rollback.unwrap_or_default(),
        style(clean(&view.trigger)).dim(),
    )
}
