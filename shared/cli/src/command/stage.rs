//! A stage as a command names it, and better errors when it names it wrongly.

use penstock_model::id::{PipelineName, StageName};
use serde_json::{Value as Json, json};

use super::status::or_suggest;
use crate::client::{Client, suggest};
use crate::exit::{Exit, Failure, of};

/// `result`, or an error that names the pipeline, stage or action that was probably meant.
pub(super) async fn or_suggest_place<T>(
    client: &Client,
    pipeline: &PipelineName,
    stage: &StageName,
    action: Option<&str>,
    result: anyhow::Result<T>,
) -> anyhow::Result<T> {
    let result = or_suggest(client, pipeline, result).await;
    let Err(error) = result else { return result };
    if of(&error) != Exit::Misused {
        return Err(error);
    }
    let stages = stages(client, pipeline).await.unwrap_or_default();
    let Some(actions) = stages.iter().find(|(name, _)| name == stage.as_str()).map(|(_, actions)| actions)
    else {
        let names: Vec<String> = stages.into_iter().map(|(name, _)| name).collect();
        return Err(if names.is_empty() { error } else { unknown("stage", stage.as_str(), &names) });
    };
    match action {
        Some(action) if !actions.iter().any(|name| name == action) => Err(unknown("action", action, actions)),
        Some(_) | None => Err(error),
    }
}

fn unknown(what: &str, name: &str, known: &[String]) -> anyhow::Error {
    Failure::misused(format!("there is no {what} `{name}`{}", suggest::hint(name, known))).into()
}

/// The stages of the latest definition with the names of their actions.
async fn stages(client: &Client, pipeline: &PipelineName) -> anyhow::Result<Vec<(String, Vec<String>)>> {
    let answer = client.operation("GetPipeline", &json!({ "name": pipeline })).await?;
    let stages = answer["pipeline"]["stages"].as_array().cloned().unwrap_or_default();
    Ok(stages.iter().map(|stage| (name(stage), actions(stage))).collect())
}

fn actions(stage: &Json) -> Vec<String> {
    stage["actions"].as_array().into_iter().flatten().map(name).collect()
}

fn name(node: &Json) -> String {
    node["name"].as_str().unwrap_or_default().to_owned()
}
