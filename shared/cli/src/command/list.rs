//! `penstock list`: the pipelines and where each one's latest execution stands.

use clap::Args;
use console::style;
use penstock_app::engine::state::ExecutionStatus;
use penstock_app::view::ExecutionView;
use penstock_model::id::{ExecutionId, PipelineName};
use penstock_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Output, Server};
use crate::client::Client;
use crate::exit::Exit;
use crate::show::clean::clean;
use crate::show::duration::moment;
use crate::show::glyph::{self, look};
use crate::show::{out, short};

/// List the pipelines and their latest executions
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

/// A pipeline as the server lists it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed {
    /// Its name.
    pub(crate) name: PipelineName,
    /// Its latest definition version.
    pub(crate) version: u64,
    /// When that was applied.
    pub(crate) updated_at: Timestamp,
    /// Why nothing starts it.
    #[serde(default)]
    pub(crate) refusal: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: PipelineName,
    version: u64,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    latest: Option<Latest>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Latest {
    execution_id: ExecutionId,
    status: ExecutionStatus,
    commit: Option<String>,
    #[serde(skip)]
    summary: Option<String>,
    started_at: String,
}

/// The names of all pipelines.
pub(crate) async fn pipelines(client: &Client) -> anyhow::Result<Vec<Listed>> {
    client.get("/penstock/v1/pipelines").await
}

impl List {
    /// Prints the list.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        let client = self.server.client().await?;
        let mut rows = vec![];
        for pipeline in pipelines(&client).await? {
            rows.push(row(&client, pipeline).await?);
        }
        if self.output.is_json() {
            out::json(&serde_json::json!({ "pipelines": rows }))?;
        } else if rows.is_empty() {
            out::line(format!("No pipelines yet. Apply one: penstock apply penstock.yml{}", client.again()))?;
        } else {
            let width = rows.iter().map(|row| row.name.as_str().len()).max().unwrap_or(0);
            for row in rows {
                out::line(row.text(width))?;
                if let Some(refusal) = &row.refusal {
                    out::line(refused(refusal))?;
                }
            }
        }
        Ok(Exit::Succeeded)
    }
}

/// That nothing starts a pipeline, and why.
pub(super) fn refused(refusal: &str) -> String {
    format!("  Nothing starts it: {}", clean(refusal))
}

async fn row(client: &Client, pipeline: Listed) -> anyhow::Result<Row> {
    let path = format!("/penstock/v1/pipelines/{}/executions?limit=1", pipeline.name);
    let views: Vec<ExecutionView> = client.get(&path).await?;
    let latest = views.into_iter().next().map(|view| Latest {
        execution_id: view.execution_id,
        status: view.status,
        commit: view.commit,
        summary: view.commit_summary,
        started_at: view.started_at.to_string(),
    });
    let updated_at = pipeline.updated_at.to_string();
    Ok(Row { name: pipeline.name, version: pipeline.version, updated_at, refusal: pipeline.refusal, latest })
}

impl Row {
    fn text(&self, width: usize) -> String {
        let name = style(format!("{:width$}", self.name)).bold();
        let version = style(format!("version {}", self.version)).dim();
        let Some(latest) = &self.latest else {
            return format!("{} {name}  {version}  not started yet", glyph::Look::Idle.sign(None));
        };
        let look = look(latest.status);
        let commit = latest.commit.as_deref().map(short).unwrap_or_default();
        let summary = latest.summary.as_deref().map(clean).unwrap_or_default();
        let status = look.paint(glyph::words(latest.status.as_str()));
        format!("{} {name}  {version}  {status}  {commit} {summary}", look.sign(None)).trim_end().into()
    }
}

/// A time for a table.
pub(super) fn when(time: Timestamp) -> String {
    style(moment(time)).dim().to_string()
}
