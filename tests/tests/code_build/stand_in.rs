//! The stand-in itself: a build from S3 to S3, a failure, a stop, refusals.

use penstock_tests::code_build_stand_in::Project;
use serde_json::{Value as Json, json};

use super::place::{Place, unzipped, zip};

const BUILDSPEC: &str = r#"
version: 0.2
env: {exported-variables: [GREETING]}
phases:
  build:
    commands:
      - export GREETING="hello $WHO"
      - echo "$GREETING, $(cat "$CODEBUILD_SRC_DIR_docs/page")" > greeting
      - test "$WHO" != nobody || { echo there is nobody; exit 3; }
artifacts: {files: [greeting]}
"#;

async fn call(place: &Place, operation: &str, body: &Json) -> (u16, Json) {
    let request = place.http.post(place.stand_in.url()).body(body.to_string());
    let request = request.header("x-amz-target", format!("CodeBuild_20161006.{operation}"));
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap())
}

async fn request(place: &Place, project: &str, who: &str) -> Json {
    place.stand_in.add_project(Project::new(project));
    let version = place.put("in/source.zip", zip(&[("buildspec.yml", BUILDSPEC)])).await;
    place.put("in/docs.zip", zip(&[("page", "a page")])).await;
    let bucket = &place.bucket;
    json!({
        "projectName": project,
        "sourceTypeOverride": "S3",
        "sourceLocationOverride": format!("{bucket}/in/source.zip"),
        "sourceVersion": version,
        "secondarySourcesOverride": [{"type": "S3", "location": format!("{bucket}/in/docs.zip"), "sourceIdentifier": "docs"}],
        "artifactsOverride": {"type": "S3", "location": bucket, "path": "out/a b", "name": "x.zip", "packaging": "ZIP"},
        "environmentVariablesOverride": [{"name": "WHO", "value": who}],
        "idempotencyToken": "one",
    })
}

#[tokio::test]
async fn a_build_runs_from_its_sources_to_its_artifact_and_log() {
    let place = Place::new("stand-in-runs").await;
    let request = request(&place, "web", "world").await;
    let (status, first) = call(&place, "StartBuild", &request).await;
    assert_eq!((status, &first["build"]["buildStatus"]), (200, &json!("IN_PROGRESS")), "{first}");
    let (_, again) = call(&place, "StartBuild", &request).await;
    assert_eq!(again["build"]["id"], first["build"]["id"]);

    let build = place.complete("web").await;
    assert_eq!(build["buildStatus"], "SUCCEEDED", "{build}");
    assert_eq!(build["exportedEnvironmentVariables"], json!([{"name": "GREETING", "value": "hello world"}]));
    assert_eq!(build["artifacts"]["location"], "arn:aws:s3:::stand-in-runs/out/a b/x.zip");
    let artifact = place.get("arn:aws:s3:::stand-in-runs/out/a%20b/x.zip").await;
    assert_eq!(unzipped(&artifact, "greeting"), "hello world, a page\n");

    let place_of_log =
        json!({"logGroupName": build["logs"]["groupName"], "logStreamName": build["logs"]["streamName"]});
    let log = place.http.post(Place::endpoint()).body(place_of_log.to_string());
    let log = log.header("x-amz-target", "Logs_20140328.GetLogEvents");
    let log = log.header("authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/logs/aws4_request, SignedHeaders=host, Signature=0");
    let log = log.send().await.unwrap().text().await.unwrap();
    assert!(log.contains("Running command export GREETING"), "{log}");
}

#[tokio::test]
async fn a_build_fails_with_the_phase_and_what_was_said() {
    let place = Place::new("stand-in-fails").await;
    let request = request(&place, "web", "nobody").await;
    call(&place, "StartBuild", &request).await;
    let build = place.complete("web").await;
    assert_eq!(build["buildStatus"], "FAILED", "{build}");
    let phases = build["phases"].as_array().unwrap();
    let failed = phases.iter().find(|phase| phase["phaseStatus"] == "FAILED").unwrap();
    assert_eq!(failed["phaseType"], "BUILD");
    assert_eq!(failed["contexts"][0]["statusCode"], "COMMAND_EXECUTION_ERROR");
}

#[tokio::test]
async fn a_build_is_stopped() {
    let place = Place::new("stand-in-stops").await;
    let mut request = request(&place, "web", "world").await;
    request["buildspecOverride"] = json!("version: 0.2\nphases: {build: {commands: [sleep 600]}}\n");
    let (_, started) = call(&place, "StartBuild", &request).await;
    let (status, _) = call(&place, "StopBuild", &json!({"id": started["build"]["id"]})).await;
    assert_eq!(status, 200);
    assert_eq!(place.complete("web").await["buildStatus"], "STOPPED");
}

#[tokio::test]
async fn what_codebuild_refuses_is_refused() {
    let place = Place::new("stand-in-refuses").await;
    let request = request(&place, "web", "world").await;
    let without = |member: &str| {
        let mut request = request.clone();
        request.as_object_mut().unwrap().remove(member);
        request
    };
    let mut unknown = request.clone();
    unknown["buildspec"] = json!("");
    for (request, code) in [
        (without("artifactsOverride"), "InvalidInputException"),
        (without("projectName"), "ValidationException"),
        (unknown, "ValidationException"),
        (json!({"projectName": "other"}), "ResourceNotFoundException"),
    ] {
        let (status, answer) = call(&place, "StartBuild", &request).await;
        assert_eq!((status, &answer["__type"]), (400, &json!(code)), "{answer}");
    }
    assert_eq!(place.stand_in.builds("web"), Vec::<Json>::new());
}
