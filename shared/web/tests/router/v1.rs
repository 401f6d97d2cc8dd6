//! Penstock's own endpoints.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::fixture::Server;

const DEFINITION: &str = "
pipeline:
  name: weir
  stages:
    - name: Source
      actions:
        - name: Fetch
          actionType: Source
          provider: GitHub
          outputArtifacts:
            - name: Code
    - name: Build
      actions:
        - name: Compile
          actionType: Build
          provider: CodeBuild
          inputArtifacts:
            - name: Code
";

#[tokio::test]
async fn a_definition_is_applied() {
    let server = Server::new();
    let made = server.post("/penstock/v1/apply", &[], DEFINITION).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text());
    assert_eq!(
        (&made.json()["name"], &made.json()["version"], &made.json()["created"]),
        (&json!("weir"), &json!(1), &json!(true))
    );
    let same = server.post("/penstock/v1/apply", &[], DEFINITION).await.json();
    assert_eq!((&same["version"], &same["created"]), (&json!(1), &json!(false)));
    assert_eq!((&made.json()["unchanged"], &same["unchanged"]), (&json!(false), &json!(true)));
    let wrong = server.get("/penstock/v1/apply").await;
    assert_eq!((wrong.status, wrong.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
    assert_eq!(wrong.json()["message"], "this address takes POST only");
    let listed = server.get("/penstock/v1/pipelines").await.json();
    assert_eq!((&listed[0]["name"], &listed[0]["version"]), (&json!("weir"), &json!(1)));
    assert!(listed[0]["updatedAt"].is_number());
}

#[tokio::test]
async fn a_wrong_definition_is_refused_with_all_that_is_wrong() {
    let server = Server::new();
    let answer = server.post("/penstock/v1/apply", &[], "pipeline:\n  name: weir\n  stages: []\n").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.json()["code"], "DefinitionRefused");
    assert!(answer.json()["diagnostics"][0]["line"].is_number(), "{}", answer.text());
    assert_eq!(server.post("/penstock/v1/apply", &[], vec![0xff]).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn executions_are_shown_alike_everywhere() {
    let server = Server::with_pipeline().await;
    let id = server.start("good").await;
    let one = server.get(&format!("/penstock/v1/executions/{id}")).await.json();
    assert_eq!((&one["executionId"], &one["status"]), (&json!(id), &json!("InProgress")));
    for path in [
        "/penstock/v1/pipelines/canal/executions/latest".to_owned(),
        format!("/penstock/v1/pipelines/canal/executions/{id}"),
    ] {
        assert_eq!(server.get(&path).await.json(), one);
    }
    assert_eq!(server.get("/penstock/v1/pipelines/canal/executions?limit=5").await.json(), json!([one]));
    let attempts = server.get(&format!("/penstock/v1/executions/{id}/attempts")).await.json();
    assert_eq!(
        (&attempts[0]["id"]["action"], &attempts[0]["attempt"]["status"]),
        (&json!("Checkout"), &json!("Succeeded"))
    );
}

#[tokio::test]
async fn a_log_is_followed_to_its_end() {
    let server = Server::with_pipeline().await;
    let id = server.start("good").await;
    server.logs.append(&format!("{id}/Build/Unit/1").parse().unwrap(), b"one\ntwo\n");
    let path = format!("/penstock/v1/executions/{id}/logs/Build/Unit/1");
    let answer = server.get(&path).await;
    assert_eq!(
        (answer.text().as_str(), answer.header("penstock-next-offset"), answer.header("penstock-ended")),
        ("one\ntwo\n", "8", "true")
    );
    let answer = server.get(&format!("{path}?offset=4")).await;
    assert_eq!((answer.text().as_str(), answer.header("penstock-next-offset")), ("two\n", "8"));
    let answer = server.get(&format!("{path}?offset=900")).await;
    assert_eq!((answer.text().as_str(), answer.header("penstock-next-offset")), ("", "900"));
    let running = server.get(&format!("/penstock/v1/executions/{id}/logs/Release/Ask/1")).await;
    assert_eq!(running.header("penstock-ended"), "false");
}

#[tokio::test]
async fn people_on_the_machine_decide_retry_and_roll_back() {
    let server = Server::with_pipeline().await;
    let ask = "/penstock/v1/pipelines/canal/stages/Release/actions/Ask/verdict";
    let verdict = json!({"approved": true, "comment": "fine"}).to_string();
    assert_eq!(
        server.post(ask, &[], verdict.clone()).await.status,
        StatusCode::CONFLICT,
        "nothing waits yet"
    );
    let mut executions = Vec::new();
    for _ in 0..2 {
        executions.push(server.start("good").await);
        let answer = server.post(ask, &[], verdict.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        server.settle().await;
    }
    let answer = server.post("/penstock/v1/pipelines/canal/stages/Release/rollback", &[], "").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert!(!executions.contains(&answer.json()["executionId"].as_str().unwrap().to_owned()));

    let failed = server.start("bad").await;
    let answer = server.post("/penstock/v1/pipelines/canal/stages/Build/retry", &[], "{}").await;
    assert_eq!(answer.json()["executionId"], json!(failed), "{}", answer.text());
    let answer = server.post("/penstock/v1/pipelines/canal/stages/Source/retry", &[], "{}").await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (StatusCode::CONFLICT, &json!("StageNotRetryableException"))
    );
}

#[tokio::test]
async fn a_verdict_has_the_callers_name_and_none_that_its_body_gives() {
    let server = Server::with_pipeline().await;
    server.start("good").await;
    let ask = "/penstock/v1/pipelines/canal/stages/Release/actions/Ask/verdict";
    let forged = json!({"approved": true, "by": "Jo"}).to_string();
    let answer = server.post(ask, &[("penstock-user", "Ada")], forged).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
    let answer = server.post(ask, &[("penstock-user", "Ada")], json!({"approved": true}).to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let state = server.operate("GetPipelineState", &json!({"name": "canal"})).await;
    assert_eq!(last_updated_by(&state), ["Ada"]);
}

/// Who is named by what the state says of actions.
fn last_updated_by(state: &Value) -> Vec<&str> {
    let stages = state["stageStates"].as_array().unwrap().iter();
    let actions = stages.flat_map(|stage| stage["actionStates"].as_array().unwrap());
    actions.filter_map(|action| action["latestExecution"]["lastUpdatedBy"].as_str()).collect()
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let server = Server::with_pipeline().await;
    for path in [
        "/penstock/v1/none",
        "/penstock/v1/pipelines/none/executions",
        "/penstock/v1/pipelines/canal/executions/latest",
        "/penstock/v1/executions/00000000-0000-4000-8000-000000000000",
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.json()["message"].as_str().unwrap().is_empty());
    }
    for path in ["/penstock/v1/executions/none", "/penstock/v1/pipelines/a%20b/executions"] {
        assert_eq!(server.get(path).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
}
