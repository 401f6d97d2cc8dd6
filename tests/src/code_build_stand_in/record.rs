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
