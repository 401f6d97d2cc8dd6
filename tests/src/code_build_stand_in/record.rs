//! A build as `BatchGetBuilds` tells of it, and as events do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use penstock_buildspec::{Outcome, PhaseOutcome};
use penstock_model::time::Timestamp;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{Project, Settings};

/// A build that was just submitted.
pub(super) fn submitted(settings: &Settings, project: &Project, request: &Json, number: usize) -> Json {
    let (region, account, name) = (&settings.region, &settings.account, &project.name);
    let uuid = uuid();
    let id = format!("{name}:{uuid}");
    let group = format!("/aws/codebuild/{name}");
    let mut record = json!({
        "id": id,
        "arn": format!("arn:aws:codebuild:{region}:{account}:build/{id}"),
        "buildNumber": number,
        "startTime": seconds(SystemTime::now()),
        "currentPhase": "QUEUED",
        "buildStatus": "IN_PROGRESS",
        "buildComplete": false,
        "projectName": name,
        "initiator": "penstock",
        "phases": [phase("SUBMITTED", "SUCCEEDED"), {"phaseType": "QUEUED", "startTime": seconds(SystemTime::now())}],
        "logs": {
            "groupName": group,
            "streamName": uuid,
            "deepLink": format!("https://console.aws.amazon.com/cloudwatch/home?region={region}#logEvent:group={group};stream={uuid}"),
            "cloudWatchLogsArn": format!("arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{uuid}"),
        },
        "source": {"type": request["sourceTypeOverride"], "location": request["sourceLocationOverride"]},
        "environment": {
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": request["environmentVariablesOverride"].as_array().cloned().unwrap_or_default(),
        },
    });
    if let Some(version) = request["sourceVersion"].as_str() {
        record["sourceVersion"] = json!(version);
        record["resolvedSourceVersion"] = json!(version);
    }
    record
}

/// The record at the build's end.
pub(super) fn ended(record: &mut Json, status: &str, phases: Vec<Json>) {
    let mut all = vec![
        phase("SUBMITTED", "SUCCEEDED"),
        phase("QUEUED", "SUCCEEDED"),
        phase("PROVISIONING", "SUCCEEDED"),
    ];
    all.extend(phases);
    all.push(phase("FINALIZING", "SUCCEEDED"));
    all.push(json!({"phaseType": "COMPLETED", "startTime": seconds(SystemTime::now())}));
    record["phases"] = all.into();
    record["buildStatus"] = json!(status);
    record["currentPhase"] = json!("COMPLETED");
    record["buildComplete"] = json!(true);
    record["endTime"] = json!(seconds(SystemTime::now()));
}

/// A batch that was just submitted.
pub(super) fn batch_submitted(settings: &Settings, project: &Project, request: &Json, number: usize) -> Json {
    let (region, account, name) = (&settings.region, &settings.account, &project.name);
    let build = submitted(settings, project, request, number);
    let id = &build["id"].as_str().unwrap_or_default();
    json!({
        "id": id,
        "arn": format!("arn:aws:codebuild:{region}:{account}:build-batch/{id}"),
        "buildBatchNumber": number,
        "startTime": build["startTime"],
        "currentPhase": "IN_PROGRESS",
        "buildBatchStatus": "IN_PROGRESS",
        "complete": false,
        "projectName": name,
        "initiator": "penstock",
        "source": build["source"],
        "environment": build["environment"],
        "buildBatchConfig": request.get("buildBatchConfigOverride").cloned().unwrap_or_else(|| json!({})),
        "buildGroups": [],
        "phases": [],
    })
}

/// The record at the batch's end.
pub(super) fn batch_ended(record: &mut Json, status: &str, groups: Vec<Json>, context: Option<String>) {
    let contexts = context.map(|message| json!([{"statusCode": "CLIENT_ERROR", "message": message}]));
    let kind = if is_phase(status) { status } else { "FAILED" };
    let mut last = json!({"phaseType": kind, "phaseStatus": status, "startTime": seconds(SystemTime::now())});
    last["contexts"] = contexts.unwrap_or_else(|| json!([]));
    record["phases"] = json!([last]);
    record["buildGroups"] = groups.into();
    record["buildBatchStatus"] = json!(status);
    record["currentPhase"] = json!(kind);
    record["complete"] = json!(true);
    record["endTime"] = json!(seconds(SystemTime::now()));
}

/// Whether a batch's status names a phase too.
fn is_phase(status: &str) -> bool {
    matches!(status, "SUCCEEDED" | "FAILED" | "STOPPED")
}

/// A build as its batch tells of it.
pub(super) fn build_summary(build: &Json) -> Json {
    let artifact = |artifact: &Json| {
        let mut told = json!({"type": "S3", "location": artifact["location"]});
        if let Some(identifier) = artifact["artifactIdentifier"].as_str() {
            told["identifier"] = json!(identifier);
        }
        told
    };
    let secondary = build["secondaryArtifacts"].as_array().into_iter().flatten();
    let mut summary = json!({
        "arn": build["arn"],
        "requestedOn": build["startTime"],
        "buildStatus": build["buildStatus"],
        "secondaryArtifacts": secondary.map(artifact).collect::<Vec<_>>(),
    });
    if build["artifacts"].is_object() {
        summary["primaryArtifact"] = artifact(&build["artifacts"]);
    }
    summary
}

/// A build's phases as its runner tells of them.
pub(super) fn phases(outcome: &Outcome) -> Vec<Json> {
    outcome.phases.iter().map(told).collect()
}

fn told(ended: &PhaseOutcome) -> Json {
    json!({
        "phaseType": ended.phase.to_string(),
        "phaseStatus": ended.status.to_string(),
        "startTime": seconds(ended.started),
        "endTime": seconds(ended.started + ended.duration),
        "durationInSeconds": ended.duration.as_secs(),
        "contexts": [{"statusCode": ended.code, "message": ended.message}],
    })
}

/// A phase that ended badly before the runner began, or after it ended.
pub(super) fn failed_phase(name: &str, code: &str, message: &str) -> Json {
    let mut phase = phase(name, "FAILED");
    phase["contexts"] = json!([{"statusCode": code, "message": message}]);
    phase
}

fn phase(name: &str, status: &str) -> Json {
    let now = seconds(SystemTime::now());
    json!({"phaseType": name, "phaseStatus": status, "startTime": now, "endTime": now, "durationInSeconds": 0})
}

/// The event that `EventBridge` has for the build's present state ("Build notifications input format reference").
pub(super) fn event(settings: &Settings, record: &Json) -> Json {
    json!({
        "version": "0",
        "id": uuid(),
        "detail-type": "CodeBuild Build State Change",
        "source": "aws.codebuild",
        "account": settings.account,
        "region": settings.region,
        "time": now(),
        "resources": [record["arn"]],
        "detail": {
            "build-status": record["buildStatus"],
            "project-name": record["projectName"],
            "build-id": record["arn"],
            "current-phase": record["currentPhase"],
            "current-phase-context": "[]",
            "version": "1",
            "additional-information": {"build-complete": record["buildComplete"], "initiator": record["initiator"]},
        },
    })
}

/// Whether the template's rule `BuildEvents` hands this state on: it asks for builds that have ended.
pub(super) fn is_let_through(record: &Json) -> bool {
    ["SUCCEEDED", "FAILED", "STOPPED"].iter().any(|status| record["buildStatus"] == *status)
}

fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or_default()).to_string()
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Unlike any other of this machine.
fn uuid() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let seed = (SystemTime::now(), std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let hex = hex::encode(Sha256::digest(format!("{seed:?}")));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32])
}
