//! One batch of builds: each runs from the batch's sources and writes below a path of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use penstock_archive::{Limits, Writer, extract};
use penstock_buildspec::{BatchOutcome, BatchedOutcome, BuildStatus, run_batch};
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use super::build::{End, Lines, prepare, put, upload, uuid_of};
use super::{Build, Project, State, record};
use crate::json_service::held;

/// Runs the batch `id`, which is recorded already.
pub(super) async fn run(
    state: Arc<State>,
    project: Project,
    id: String,
    request: Json,
    stop: watch::Receiver<bool>,
) {
    let folder = tempfile::tempdir().expect("a folder for the batch");
    let log = Arc::new(Lines::default());
    let prepared = prepare(&state, &project, &id, &request, folder.path(), Arc::clone(&log), stop).await;
    let outcome = match prepared {
        Ok(prepared) => run_batch(prepared, folder.path()).await.map_err(|error| error.to_string()),
        Err(End { phases, .. }) => Err(phases[0]["contexts"][0]["message"].to_string()),
    };
    let (status, groups, context, combined) = match outcome {
        Ok(outcome) => {
            let lines = held(&log.0).clone();
            let groups = groups(&state, &project, &request, &outcome, &lines).await;
            let combined = combined(&state, &id, &request, &outcome, folder.path()).await;
            (outcome.status, groups, None, combined)
        }
        Err(message) => (BuildStatus::Failed, vec![], Some(message), None),
    };
    let mut batches = held(&state.batches);
    let Some(batch) = batches.iter_mut().find(|batch| batch.record["id"] == *id) else { return };
    record::batch_ended(&mut batch.record, &status.to_string(), groups, context);
    if let Some(combined) = combined {
        batch.record["artifacts"] = combined;
    }
}

/// Records each build that ran, and tells of all.
async fn groups(
    state: &State,
    project: &Project,
    request: &Json,
    outcome: &BatchOutcome,
    log: &[String],
) -> Vec<Json> {
    let mut groups = vec![];
    for build in &outcome.builds {
        let mut group = json!({"identifier": build.identifier, "dependsOn": [], "ignoreFailure": false});
        if let Some(summary) = summary(state, project, request, build, log).await {
            group["currentBuildSummary"] = summary;
        }
        groups.push(group);
    }
    groups
}

async fn summary(
    state: &State,
    project: &Project,
    request: &Json,
    build: &BatchedOutcome,
    log: &[String],
) -> Option<Json> {
    let outcome = build.outcome.as_ref()?;
    let number = held(&state.builds).len() + 1;
    let submitted = record::submitted(&state.settings, project, request, number);
    let id = submitted["id"].as_str()?.to_owned();
    let (stop, _) = watch::channel(false);
    held(&state.builds).push(Build { record: submitted, request: Json::Null, stop });
    let End { status, phases } = upload(state, &id, request, outcome).await;
    let prefix = format!("[{}] ", build.identifier);
    let lines: Vec<String> =
        log.iter().filter_map(|line| line.strip_prefix(&prefix).map(str::to_owned)).collect();
    // Without Logs in the emulator there is no log.
    let _ = state.emulator.put_log(&format!("/aws/codebuild/{}", project.name), uuid_of(&id), &lines).await;
    let mut builds = held(&state.builds);
    let known = builds.iter_mut().find(|known| known.record["id"] == *id)?;
    record::ended(&mut known.record, &status.to_string(), phases);
    Some(record::build_summary(&known.record))
}

/// With `combineArtifacts`, one zip with the files of all builds.
async fn combined(
    state: &State,
    id: &str,
    request: &Json,
    outcome: &BatchOutcome,
    folder: &Path,
) -> Option<Json> {
    if request["buildBatchConfigOverride"]["combineArtifacts"] != true {
        return None;
    }
    let outcomes = outcome.builds.iter().filter_map(|build| build.outcome.as_ref());
    let artifacts = outcomes.flat_map(|outcome| &outcome.artifacts).filter(|it| it.identifier.is_none());
    let zips: Vec<&Path> = artifacts.map(|artifact| artifact.path.as_path()).collect();
    let zip = combine(&zips, folder).expect("artifacts of builds");
    put(state, id, &request["artifactsOverride"], &zip).await.ok()
}

/// The files at the top of `zips` in one.
fn combine(zips: &[&Path], folder: &Path) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let combined = folder.join("combined.zip");
    let mut writer = Writer::create(&combined)?;
    for (index, zip) in zips.iter().enumerate() {
        let tree = folder.join(format!("combined-{index}"));
        extract(zip, &tree, Limits::default())?;
        for file in std::fs::read_dir(&tree)? {
            let file = file?;
            let name = file.file_name().to_string_lossy().into_owned();
            writer.file(&name, 0o644, file.metadata()?.len(), File::open(file.path())?)?;
        }
    }
    writer.finish()?;
    Ok(combined)
}
