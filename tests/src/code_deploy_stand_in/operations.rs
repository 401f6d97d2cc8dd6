//! The operations (`CodeDeploy` API reference).

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{Deployment, Group, State};
use crate::json_service::{Operations, Refusal, held};

/// The most deployments or targets that one call describes.
const BATCH: usize = 25;
/// Deployments of a page, few so that there are several.
const PAGE: usize = 2;

pub(super) struct DeploymentOperations(pub(super) Arc<State>);

impl Operations for DeploymentOperations {
    fn carry_out(&self, operation: &str, body: &Json) -> Result<Json, Refusal> {
        let state = &self.0;
        match operation {
            "CreateDeployment" => create(state, body),
            "GetDeployment" => state.find(body, |deployment| Ok(json!({"deploymentInfo": deployment.info}))),
            "ListDeployments" => list(state, body),
            "BatchGetDeployments" => batch_get(state, body),
            "StopDeployment" => state.find(body, stop),
            "ListDeploymentTargets" => state.find(body, |deployment| {
                Ok(json!({"targetIds": deployment.targets.iter().map(target_id).collect::<Vec<_>>()}))
            }),
            "BatchGetDeploymentTargets" => state.find(body, |deployment| targets(deployment, body)),
            other => Err(Refusal::new("UnknownOperationException", format!("no operation `{other}` here"))),
        }
    }
}

impl State {
    fn find(
        &self,
        body: &Json,
        answer: impl FnOnce(&mut Deployment) -> Result<Json, Refusal>,
    ) -> Result<Json, Refusal> {
        let id = &body["deploymentId"];
        let mut deployments = held(&self.deployments);
        let found = deployments.iter_mut().find(|deployment| deployment.info["deploymentId"] == *id);
        let missing = || {
            let message = format!("The deployment {id} could not be found");
            Refusal::new("DeploymentDoesNotExistException", message)
        };
        answer(found.ok_or_else(missing)?)
    }

    fn group(&self, body: &Json) -> Result<&Group, Refusal> {
        let (application, name) = (&body["applicationName"], &body["deploymentGroupName"]);
        if !self.groups.iter().any(|group| *application == group.application.as_str()) {
            let message = format!("No application found for name: {application}");
            return Err(Refusal::new("ApplicationDoesNotExistException", message));
        }
        let mut groups = self.groups.iter();
        let found =
            groups.find(|group| *application == group.application.as_str() && *name == group.name.as_str());
        let message = format!("No Deployment Group found for name: {name}");
        found.ok_or_else(|| Refusal::new("DeploymentGroupDoesNotExistException", message))
    }
}

fn create(state: &State, body: &Json) -> Result<Json, Refusal> {
    let group = state.group(body)?;
    check_revision(&group.platform, &body["revision"])?;
    let mut deployments = held(&state.deployments);
    let is_active = |it: &&Deployment| is_of(&it.info, body) && !has_ended(&it.info);
    if let Some(active) = deployments.iter().find(is_active) {
        let message = format!(
            "The Deployment Group '{}' already has an active Deployment {}",
            group.name, active.info["deploymentId"]
        );
        return Err(Refusal::new("DeploymentLimitExceededException", message));
    }
    let id = format!("d-{:09}", deployments.len() + 1);
    let info = json!({
        "deploymentId": id,
        "applicationName": body["applicationName"],
        "deploymentGroupName": body["deploymentGroupName"],
        "description": body["description"],
        "revision": body["revision"],
        "computePlatform": group.platform,
        "status": "Created",
        "creator": "user",
        "createTime": now(),
        "deploymentOverview": {"Pending": 2, "InProgress": 0, "Succeeded": 0, "Failed": 0, "Skipped": 0, "Ready": 0},
    });
    deployments.push(Deployment { info, targets: vec![] });
    Ok(json!({"deploymentId": id}))
}

/// Servers take a bundle out of S3; the others an appspec.
fn check_revision(platform: &str, revision: &Json) -> Result<(), Refusal> {
    let location = &revision["s3Location"];
    let is_bundle = revision["revisionType"] == "S3"
        && ["bucket", "key", "bundleType"].iter().all(|name| location[name].is_string());
    let (content, sha256) = (&revision["appSpecContent"]["content"], &revision["appSpecContent"]["sha256"]);
    let digest = content.as_str().map(|content| hex::encode(Sha256::digest(content)));
    let is_appspec = revision["revisionType"] == "AppSpecContent" && *sha256 == json!(digest);
    let fits = if platform == "Server" { is_bundle } else { is_appspec };
    if fits {
        return Ok(());
    }
    let message = format!("The revision does not fit the compute platform {platform}: {revision}");
    Err(Refusal::new("InvalidRevisionException", message))
}

fn list(state: &State, body: &Json) -> Result<Json, Refusal> {
    state.group(body)?;
    let since = body["createTimeRange"]["start"].as_f64().unwrap_or_default();
    let deployments = held(&state.deployments);
    let of_group = deployments.iter().rev().map(|deployment| &deployment.info).filter(|info| {
        is_of(info, body) && info["createTime"].as_f64().is_some_and(|created| created >= since)
    });
    let from = body["nextToken"].as_str().and_then(|token| token.parse().ok()).unwrap_or(0_usize);
    let ids: Vec<&Json> = of_group.skip(from).map(|info| &info["deploymentId"]).collect();
    let mut answer = json!({"deployments": ids.iter().take(PAGE).collect::<Vec<_>>()});
    if ids.len() > PAGE {
        answer["nextToken"] = json!((from + PAGE).to_string());
    }
    Ok(answer)
}

fn batch_get(state: &State, body: &Json) -> Result<Json, Refusal> {
    let ids = wanted(&body["deploymentIds"])?;
    let deployments = held(&state.deployments);
    let found = deployments.iter().map(|it| &it.info).filter(|info| ids.contains(&info["deploymentId"]));
    Ok(json!({"deploymentsInfo": found.collect::<Vec<_>>()}))
}

/// Stopping takes a while: the status changes when the deployment has come to a halt.
fn stop(deployment: &mut Deployment) -> Result<Json, Refusal> {
    if has_ended(&deployment.info) {
        let message = format!("The deployment {} is already completed", deployment.info["deploymentId"]);
        return Err(Refusal::new("DeploymentAlreadyCompletedException", message));
    }
    Ok(json!({"status": "Pending", "statusMessage": "Stopping the deployment"}))
}

fn targets(deployment: &Deployment, body: &Json) -> Result<Json, Refusal> {
    let ids = wanted(&body["targetIds"])?;
    let found = deployment.targets.iter().filter(|target| ids.contains(&target_id(target)));
    Ok(json!({"deploymentTargets": found.collect::<Vec<_>>()}))
}

fn wanted(ids: &Json) -> Result<Vec<Json>, Refusal> {
    let ids = ids.as_array().cloned().unwrap_or_default();
    match ids.len() {
        0 => Err(Refusal::new("DeploymentIdRequiredException", "At least one id is required")),
        1..=BATCH => Ok(ids),
        _ => Err(Refusal::new("BatchLimitExceededException", "At most 25 can be described at once")),
    }
}

fn target_id(target: &Json) -> Json {
    let kinds = ["instanceTarget", "lambdaTarget", "ecsTarget"];
    kinds.iter().map(|kind| &target[kind]["targetId"]).find(|id| id.is_string()).cloned().unwrap_or_default()
}

fn is_of(info: &Json, body: &Json) -> bool {
    ["applicationName", "deploymentGroupName"].iter().all(|name| info[name] == body[name])
}

fn has_ended(info: &Json) -> bool {
    matches!(info["status"].as_str(), Some("Succeeded" | "Failed" | "Stopped"))
}

fn now() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64()
}
