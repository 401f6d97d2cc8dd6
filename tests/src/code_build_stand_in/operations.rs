//! The operations, as far as they answer at once.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use tokio::sync::watch;

use super::{Build, Project, State, batch, build, record};
use crate::json_service::{Operations, Refusal, held};

/// The operations on the builds of a stand-in.
pub(super) struct BuildOperations(pub(super) Arc<State>);

impl Operations for BuildOperations {
    fn carry_out(&self, operation: &str, body: &Json) -> Result<Json, Refusal> {
        carry_out(&self.0, operation, body)
    }
}

fn carry_out(state: &Arc<State>, operation: &str, body: &Json) -> Result<Json, Refusal> {
    match operation {
        "StartBuild" => start_build(state, body),
        "BatchGetBuilds" => Ok(batch_get(&held(&state.builds), body, "builds", "buildsNotFound")),
        "StopBuild" => stop(&held(&state.builds), body, "build"),
        "ListBuildsForProject" => list(state, body, &held(&state.builds)),
        "StartBuildBatch" => start_batch(state, body),
        "BatchGetBuildBatches" => {
            Ok(batch_get(&held(&state.batches), body, "buildBatches", "buildBatchesNotFound"))
        }
        "StopBuildBatch" => stop(&held(&state.batches), body, "buildBatch"),
        "ListBuildBatchesForProject" => list(state, body, &held(&state.batches)),
        other => Err(Refusal::new(
            "UnknownOperationException",
            format!("this stand-in serves no operation `{other}`"),
        )),
    }
}

fn start_build(state: &Arc<State>, request: &Json) -> Result<Json, Refusal> {
    let project = project(state, request, "Project cannot be found")?;
    check_overrides(&project, request)?;
    let mut builds = held(&state.builds);
    if let Some(known) = with_token(&builds, request)? {
        return Ok(json!({"build": known}));
    }
    let number =
        1 + builds.iter().filter(|build| build.record["projectName"] == project.name.as_str()).count();
    let record = record::submitted(&state.settings, &project, request, number);
    let (stop, stopped) = watch::channel(false);
    builds.push(Build { record: record.clone(), request: request.clone(), stop });
    drop(builds);
    let id = record["id"].as_str().unwrap_or_default().to_owned();
    tokio::spawn(build::run(Arc::clone(state), project, id, request.clone(), stopped));
    Ok(json!({"build": record}))
}

fn check_overrides(project: &Project, request: &Json) -> Result<(), Refusal> {
    let overridden = |name: &str| request.get(name).is_some_and(|value| !value.is_null());
    if !project.for_code_pipeline || overridden("artifactsOverride") && overridden("sourceTypeOverride") {
        return Ok(());
    }
    let message = "ArtifactsOverride must be set when using artifacts type CodePipelines";
    Err(Refusal::new("InvalidInputException", message))
}

/// The build that this idempotency token has started already.
fn with_token(builds: &[Build], request: &Json) -> Result<Option<Json>, Refusal> {
    let Some(token) = request["idempotencyToken"].as_str() else { return Ok(None) };
    match builds.iter().find(|build| build.request["idempotencyToken"] == token) {
        Some(known) if known.request == *request => Ok(Some(known.record.clone())),
        Some(_) => {
            let message = "the idempotency token was used with other parameters";
            Err(Refusal::new("InvalidInputException", message))
        }
        None => Ok(None),
    }
}

fn start_batch(state: &Arc<State>, request: &Json) -> Result<Json, Refusal> {
    let project = project(state, request, "Project cannot be found")?;
    check_overrides(&project, request)?;
    let mut batches = held(&state.batches);
    if let Some(known) = with_token(&batches, request)? {
        return Ok(json!({"buildBatch": known}));
    }
    let record = record::batch_submitted(&state.settings, &project, request, batches.len() + 1);
    let (stop, stopped) = watch::channel(false);
    batches.push(Build { record: record.clone(), request: request.clone(), stop });
    drop(batches);
    let id = record["id"].as_str().unwrap_or_default().to_owned();
    tokio::spawn(batch::run(Arc::clone(state), project, id, request.clone(), stopped));
    Ok(json!({"buildBatch": record}))
}

fn batch_get(builds: &[Build], request: &Json, found_as: &str, missing_as: &str) -> Json {
    let asked = request["ids"].as_array().cloned().unwrap_or_default();
    let find =
        |id: &Json| builds.iter().find(|build| build.record["id"] == *id || build.record["arn"] == *id);
    let found: Vec<&Json> = asked.iter().filter_map(&find).map(|build| &build.record).collect();
    let missing: Vec<&Json> = asked.iter().filter(|id| find(id).is_none()).collect();
    json!({found_as: found, missing_as: missing})
}

fn stop(builds: &[Build], request: &Json, told_as: &str) -> Result<Json, Refusal> {
    let id = &request["id"];
    let found = builds.iter().find(|build| build.record["id"] == *id || build.record["arn"] == *id);
    let build = found
        .ok_or_else(|| Refusal::new("ResourceNotFoundException", format!("Build {id} does not exist")))?;
    build.stop.send_replace(true);
    Ok(json!({told_as: build.record}))
}

fn list(state: &State, request: &Json, builds: &[Build]) -> Result<Json, Refusal> {
    let project = project(state, request, "The provided project does not exist")?;
    let of_project = builds.iter().filter(|build| build.record["projectName"] == project.name.as_str());
    let mut ids: Vec<&Json> = of_project.map(|build| &build.record["id"]).collect();
    if request["sortOrder"] != "ASCENDING" {
        ids.reverse();
    }
    Ok(json!({"ids": ids}))
}

fn project(state: &State, request: &Json, missing: &str) -> Result<Project, Refusal> {
    let name = request["projectName"].as_str().unwrap_or_default();
    held(&state.projects).get(name).cloned().ok_or_else(|| {
        let (region, account) = (&state.settings.region, &state.settings.account);
        let message = format!("{missing}: arn:aws:codebuild:{region}:{account}:project/{name}");
        Refusal::new("ResourceNotFoundException", message)
    })
}
