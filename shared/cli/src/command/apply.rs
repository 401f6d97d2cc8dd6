//! `penstock apply`: gives a definition to the server.

use std::path::PathBuf;

use clap::Args;
use penstock_model::diagnostic::Diagnostic;
use penstock_model::id::PipelineName;
use serde::Deserialize;
use serde_json::json;

use super::{Output, Server};
use crate::client::Refused;
use crate::definition;
use crate::exit::{Exit, Failure};
use crate::show::{diagnostics, out};

/// Create or update a pipeline from its definition; starts nothing
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  penstock apply
  penstock apply ops/web.yml && penstock start web --follow")]
pub(crate) struct Apply {
    /// The definition; `-` is standard input
    #[arg(default_value = "penstock.yml")]
    file: PathBuf,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

/// What the server answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Applied {
    /// The pipeline.
    pub(crate) name: PipelineName,
    /// The definition version that it has now.
    pub(crate) version: u64,
    /// Whether it is new.
    #[serde(default)]
    pub(crate) created: bool,
    /// Whether it was so already.
    #[serde(default)]
    pub(crate) unchanged: bool,
    /// Warnings.
    #[serde(default)]
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Apply {
    /// Applies it.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        let file = self.file.display().to_string();
        let source = definition::read(&self.file)
            .map_err(|diagnostic| Failure::misused(format!("{file}: {}", diagnostic.message)))?;
        let shown = out::is_live().then_some(source.as_str());
        let client = self.server.client().await?;
        let answer = client.post_text("/penstock/v1/apply", source.clone()).await;
        let answer: Applied = match answer {
            Ok(answer) => answer,
            Err(error) => match error.downcast_ref() {
                Some(Refused { diagnostics }) if !self.output.is_json() => {
                    show(&file, &definition::placed(&source, diagnostics), shown);
                    return Ok(Exit::Misused);
                }
                Some(_) | None => return Err(error),
            },
        };
        show(&file, &definition::placed(&source, &answer.diagnostics), shown);
        if self.output.is_json() {
            let Applied { name, version, created, unchanged, .. } = &answer;
            out::json(
                &json!({ "name": name, "version": version, "created": created, "unchanged": unchanged }),
            )?;
        } else {
            let Applied { name, version, .. } = &answer;
            out::line(match (answer.created, answer.unchanged) {
                (_, true) => format!("Pipeline {name} is unchanged, version {version}"),
                (true, false) => format!("Created pipeline {name}, version {version}"),
                (false, false) => format!("Updated pipeline {name}, version {version}"),
            })?;
            out::line(format!("Start it: penstock start {} --follow{}", answer.name, client.again()))?;
        }
        Ok(Exit::Succeeded)
    }
}

fn show(file: &str, found: &[Diagnostic], source: Option<&str>) {
    for line in found
        .iter()
        .filter(|diagnostic| diagnostics::is_news(diagnostic))
        .flat_map(|diagnostic| diagnostics::lines(file, diagnostic, source))
    {
        out::note(line);
    }
}
