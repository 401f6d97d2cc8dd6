//! One build, from its sources to its artifacts.

use std::path::Path;
use std::sync::{Arc, Mutex};

use penstock_buildspec::{
    BuildInfo, BuildStatus, LogSink, Outcome, Outputs, Request, Variable, VariableValue, run as run_buildspec,
};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::{Project, State, record, sources};
use crate::json_service::held;

/// The variables of this machine that a build sees.
const INHERITED: [&str; 4] = ["PATH", "HOME", "LANG", "TMPDIR"];

/// How a build ended.
pub(super) struct End {
    pub(super) status: BuildStatus,
    pub(super) phases: Vec<Json>,
}

impl End {
    fn failed(phase: &str, code: &str, message: &str) -> Self {
        Self { status: BuildStatus::Failed, phases: vec![record::failed_phase(phase, code, message)] }
    }
}

/// Runs the build `id`, which is recorded already.
pub(super) async fn run(
    state: Arc<State>,
    project: Project,
    id: String,
    request: Json,
    stop: watch::Receiver<bool>,
) {
    change(&state, &id, |record| record["currentPhase"] = json!("PROVISIONING")).await;
    let log = Arc::new(Lines::default());
    let folder = tempfile::tempdir().expect("a folder for the build");
    let end = match prepare(&state, &project, &id, &request, folder.path(), Arc::clone(&log), stop).await {
        Ok(prepared) => {
            let outcome = run_buildspec(prepared).await;
            upload(&state, &id, &request, &outcome).await
        }
        Err(end) => end,
    };
    let (group, stream) = (format!("/aws/codebuild/{}", project.name), uuid_of(&id).to_owned());
    let lines = held(&log.0).clone();
    // Without Logs in the emulator there is no log.
    let _ = state.emulator.put_log(&group, &stream, &lines).await;
    change(&state, &id, |record| record::ended(record, &end.status.to_string(), end.phases)).await;
}

pub(super) async fn prepare(
    state: &State,
    project: &Project,
    id: &str,
    request: &Json,
    folder: &Path,
    log: Arc<Lines>,
    stop: watch::Receiver<bool>,
) -> Result<Request, End> {
    let wrong = |code: &'static str| move |message: String| End::failed("DOWNLOAD_SOURCE", code, &message);
    let found = sources::fetch(state, request, folder).await.map_err(wrong("CLIENT_ERROR"))?;
    let buildspec = sources::buildspec(state, project, request, &found.primary).await;
    let buildspec = buildspec.map_err(wrong("YAML_FILE_ERROR"))?;
    let action_variables = sources::variables(request).map_err(wrong("CLIENT_ERROR"))?;
    let work = folder.join("work");
    std::fs::create_dir(&work).map_err(|error| wrong("CLIENT_ERROR")(error.to_string()))?;
    let plain = |(name, value): &(String, String)| Variable {
        name: name.clone(),
        value: VariableValue::Plaintext(value.clone()),
    };
    let inherited = INHERITED.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    Ok(Request {
        secondary_sources: found.secondary,
        outputs: outputs(request, folder),
        machine: inherited.collect(),
        project_variables: project.environment.iter().map(plain).collect(),
        action_variables,
        build: build_info(state, project, id, request),
        secrets: Arc::new(state.emulator.clone()),
        stop,
        timeout: project.timeout,
        ..Request::new(buildspec, found.primary, work, log)
    })
}

fn build_info(state: &State, project: &Project, id: &str, request: &Json) -> BuildInfo {
    let version = request["sourceVersion"].as_str().map(str::to_owned);
    BuildInfo {
        project: project.name.clone(),
        id: id.to_owned(),
        region: state.settings.region.clone(),
        account: state.settings.account.clone(),
        initiator: "penstock".into(),
        resolved_source_version: version.clone(),
        source_version: version,
        source_repo_url: request["sourceLocationOverride"].as_str().map(str::to_owned),
        ..BuildInfo::default()
    }
}

fn outputs(request: &Json, folder: &Path) -> Outputs {
    let in_s3 = |artifacts: &Json| artifacts["type"] == "S3";
    let primary = in_s3(&request["artifactsOverride"]).then(|| folder.join("primary.zip"));
    let secondary = request["secondaryArtifactsOverride"].as_array().into_iter().flatten();
    let secondary = secondary.filter(|artifacts| in_s3(artifacts)).filter_map(|artifacts| {
        let name = artifacts["artifactIdentifier"].as_str()?;
        Some((name.to_owned(), folder.join(format!("secondary-{name}.zip"))))
    });
    Outputs { primary, secondary: secondary.collect() }
}

/// Puts the artifacts into S3 and records what the build made.
pub(super) async fn upload(state: &State, id: &str, request: &Json, outcome: &Outcome) -> End {
    let mut phases = record::phases(outcome);
    let mut secondary = vec![];
    for artifact in &outcome.artifacts {
        let destination = match &artifact.identifier {
            None => &request["artifactsOverride"],
            Some(identifier) => of_identifier(&request["secondaryArtifactsOverride"], identifier),
        };
        if destination["type"] != "S3" {
            continue;
        }
        let put = put(state, id, destination, &artifact.path).await;
        let mut told = match put {
            Ok(told) => told,
            Err(message) => {
                phases.push(record::failed_phase("UPLOAD_ARTIFACTS", "CLIENT_ERROR", &message));
                return End { status: BuildStatus::Failed, phases };
            }
        };
        if let Some(identifier) = &artifact.identifier {
            told["artifactIdentifier"] = json!(identifier);
            secondary.push(told);
        } else {
            change_quietly(state, id, |record| record["artifacts"] = told);
        }
    }
    let exported = outcome.exported_variables.iter();
    let exported: Vec<Json> = exported.map(|(name, value)| json!({"name": name, "value": value})).collect();
    change_quietly(state, id, |record| {
        record["secondaryArtifacts"] = secondary.into();
        record["exportedEnvironmentVariables"] = exported.into();
    });
    End { status: outcome.status, phases }
}

fn of_identifier<'a>(list: &'a Json, identifier: &str) -> &'a Json {
    let found = list.as_array().into_iter().flatten().find(|it| it["artifactIdentifier"] == identifier);
    found.unwrap_or(&Json::Null)
}

/// Puts a zip where `destination`, a `ProjectArtifacts`, says: `path/[build id/]name` in the bucket.
pub(super) async fn put(state: &State, id: &str, destination: &Json, zip: &Path) -> Result<Json, String> {
    let text = |name: &str| destination[name].as_str().filter(|text| !text.is_empty());
    let bucket = text("location").ok_or("the artifacts have no location")?;
    let name = text("name").ok_or("the artifacts have no name")?;
    let namespace = (destination["namespaceType"] == "BUILD_ID").then(|| uuid_of(id));
    let parts = [text("path").map(|path| path.trim_matches('/')), namespace, Some(name)];
    let key = parts.into_iter().flatten().collect::<Vec<_>>().join("/");
    let bytes = std::fs::read(zip).map_err(|error| error.to_string())?;
    let sha256sum = hex::encode(Sha256::digest(&bytes));
    state.emulator.put_object(bucket, &key, bytes).await?;
    Ok(json!({"location": format!("arn:aws:s3:::{bucket}/{key}"), "sha256sum": sha256sum}))
}

pub(super) fn uuid_of(id: &str) -> &str {
    id.split_once(':').map_or(id, |(_, uuid)| uuid)
}

/// Changes the record and tells of it.
async fn change(state: &State, id: &str, change: impl FnOnce(&mut Json)) {
    let Some(record) = change_quietly(state, id, change) else { return };
    let is_untold = held(&state.untold).contains(record["projectName"].as_str().unwrap_or_default());
    let told = held(&state.told).clone();
    let passes = record::is_let_through(&record);
    if let Some(function) = told.filter(|_| passes && !is_untold) {
        // Events are best effort.
        let _ = state.emulator.invoke(&function, &record::event(&state.settings, &record)).await;
    }
}

fn change_quietly(state: &State, id: &str, change: impl FnOnce(&mut Json)) -> Option<Json> {
    let mut builds = held(&state.builds);
    let build = builds.iter_mut().find(|build| build.record["id"] == id)?;
    change(&mut build.record);
    Some(build.record.clone())
}

/// The log of a build.
#[derive(Default)]
pub(super) struct Lines(pub(super) Mutex<Vec<String>>);

impl LogSink for Lines {
    fn write_line(&self, line: &str) {
        held(&self.0).push(line.to_owned());
    }
}
