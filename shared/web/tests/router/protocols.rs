//! Both protocols of the API's model carry the same operations.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use ciborium::value::Value as Cbor;
use serde_json::json;

use crate::fixture::{Answer, Server};

async fn rpc(server: &Server, operation: &str, body: &[u8]) -> Answer {
    let path = format!("/service/CodePipeline_20150709/operation/{operation}");
    server
        .post(
            &path,
            &[("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")],
            body.to_vec(),
        )
        .await
}

fn cbor(value: &serde_json::Value) -> Vec<u8> {
    let mut body = Vec::new();
    ciborium::into_writer(value, &mut body).unwrap();
    body
}

fn read(answer: &Answer) -> Vec<(Cbor, Cbor)> {
    let value: Cbor = ciborium::from_reader(answer.body.as_slice()).unwrap();
    value.into_map().unwrap()
}

fn member<'a>(map: &'a [(Cbor, Cbor)], name: &str) -> &'a Cbor {
    &map.iter().find(|(key, _)| key.as_text() == Some(name)).unwrap().1
}

#[tokio::test]
async fn timestamps_are_seconds_in_json_and_tagged_in_cbor() {
    let server = Server::with_pipeline().await;
    let answer = server.operation("GetPipeline", &json!({"name": "canal"})).await;
    assert_eq!(answer.header("content-type"), "application/x-amz-json-1.1");
    assert_eq!(answer.header("x-amzn-requestid").len(), 36);
    assert_eq!(answer.json()["metadata"]["created"], json!(1_700_000_000.0));

    let answer = rpc(&server, "GetPipeline", &cbor(&json!({"name": "canal"}))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "application/cbor");
    assert_eq!(answer.header("smithy-protocol"), "rpc-v2-cbor");
    let map = read(&answer);
    let metadata = member(&map, "metadata").as_map().unwrap();
    let (tag, seconds) = member(metadata, "created").as_tag().unwrap();
    assert_eq!((tag, seconds.as_float()), (1, Some(1_700_000_000.0)));
}

#[tokio::test]
async fn errors_are_named_in_both() {
    let server = Server::new();
    let answer = server.operation("GetPipeline", &json!({"name": "nobody"})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.header("x-amzn-errortype"), "PipelineNotFoundException");
    assert_eq!(answer.json()["__type"], "PipelineNotFoundException");
    assert!(answer.json()["message"].as_str().unwrap().contains("nobody"));

    let answer = rpc(&server, "GetPipeline", &cbor(&json!({"name": "nobody"}))).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.header("smithy-protocol"), "rpc-v2-cbor");
    assert_eq!(
        member(&read(&answer), "__type").as_text(),
        Some("com.amazonaws.codepipeline#PipelineNotFoundException")
    );
}

#[tokio::test]
async fn an_empty_body_has_no_members_and_no_output_is_an_empty_body() {
    let server = Server::with_pipeline().await;
    let answer = rpc(&server, "ListPipelines", b"").await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let transition = json!({"pipelineName": "canal", "stageName": "Build", "transitionType": "Inbound"});
    let answer = rpc(&server, "EnableStageTransition", &cbor(&transition)).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn indefinite_lengths_are_read() {
    let server = Server::with_pipeline().await;
    let answer = rpc(&server, "GetPipelineState", b"\xbf\x64name\x7f\x63can\x62al\xff\xff").await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(member(&read(&answer), "pipelineName").as_text(), Some("canal"));
}

#[tokio::test]
async fn what_is_no_request_of_the_api_is_told_what_is() {
    let server = Server::new();
    let json_type = ("content-type", "application/x-amz-json-1.1");
    let cases = [
        (vec![json_type], "{}", 400, "UnknownOperationException"),
        (
            vec![json_type, ("x-amz-target", "Logs_20140328.PutLogEvents")],
            "{}",
            404,
            "UnknownOperationException",
        ),
        (
            vec![json_type, ("x-amz-target", "CodePipeline_20150709.MakeCoffee")],
            "{}",
            400,
            "UnknownOperationException",
        ),
        (
            vec![json_type, ("x-amz-target", "CodePipeline_20150709.PutWebhook")],
            "{}",
            400,
            "UnknownOperationException",
        ),
        (
            vec![("x-amz-target", "CodePipeline_20150709.ListPipelines")],
            "{}",
            415,
            "UnsupportedMediaTypeException",
        ),
        (
            vec![json_type, ("x-amz-target", "CodePipeline_20150709.ListPipelines")],
            "[]",
            400,
            "SerializationException",
        ),
        (
            vec![json_type, ("x-amz-target", "CodePipeline_20150709.ListPipelines")],
            "{",
            400,
            "SerializationException",
        ),
        (
            vec![json_type, ("x-amz-target", "CodePipeline_20150709.GetPipeline")],
            "{}",
            400,
            "ValidationException",
        ),
        (
            vec![json_type, ("x-amz-target", "CodePipeline_20150709.GetPipeline")],
            "{\"name\": 7}",
            400,
            "SerializationException",
        ),
    ];
    for (headers, body, status, code) in cases {
        let answer = server.post("/", &headers, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["__type"].as_str()),
            (status, Some(code)),
            "{headers:?} {body}"
        );
    }
    let answer = server
        .send(
            Request::post("/service/CodePipeline_20150709/operation/ListPipelines")
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "the protocol's header is missing");
}

#[tokio::test]
async fn a_huge_request_is_refused() {
    let server = Server::new();
    let answer = server.operation("CreatePipeline", &json!({"pipeline": "x".repeat(5 << 20)})).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn every_operation_of_the_model_is_answered() {
    let server = Server::new();
    let not_served = [
        "AcknowledgeJob",
        "AcknowledgeThirdPartyJob",
        "CreateCustomActionType",
        "DeleteCustomActionType",
        "DeleteWebhook",
        "DeregisterWebhookWithThirdParty",
        "GetActionType",
        "GetThirdPartyJobDetails",
        "ListActionTypes",
        "ListDeployActionExecutionTargets",
        "ListRuleTypes",
        "ListWebhooks",
        "OverrideStageCondition",
        "PollForJobs",
        "PollForThirdPartyJobs",
        "PutActionRevision",
        "PutThirdPartyJobFailureResult",
        "PutThirdPartyJobSuccessResult",
        "PutWebhook",
        "RegisterWebhookWithThirdParty",
        "TagResource",
        "UntagResource",
        "UpdateActionType",
    ];
    for name in not_served {
        let answer = server.operation(name, &json!({})).await;
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("{name} is not served here: ")), "{message}");
    }
}
