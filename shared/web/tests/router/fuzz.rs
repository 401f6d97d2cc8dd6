//! Whatever is sent, the answer is no panic and no failure of the server.

use axum::http::StatusCode;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixture::Server;

const OPERATIONS: [&str; 18] = [
    "CreatePipeline",
    "UpdatePipeline",
    "GetPipeline",
    "DeletePipeline",
    "ListPipelines",
    "ListTagsForResource",
    "StartPipelineExecution",
    "StopPipelineExecution",
    "GetPipelineExecution",
    "ListPipelineExecutions",
    "GetPipelineState",
    "ListActionExecutions",
    "ListRuleExecutions",
    "PutApprovalResult",
    "RetryStageExecution",
    "RollbackStage",
    "DisableStageTransition",
    "EnableStageTransition",
];

/// Members that operations know, with values that are right, wrong and strange.
fn members() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(json!("canal")),
        Just(json!("Build")),
        Just(json!("Inbound")),
        Just(json!("Approved")),
        Just(json!("FAILED_ACTIONS")),
        Just(json!("00000000-0000-4000-8000-000000000000")),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    let value = scalar.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    });
    prop::collection::vec((key(), value), 0..8)
        .prop_map(|entries| Value::Object(entries.into_iter().collect()))
}

fn key() -> impl Strategy<Value = String> {
    let known = [
        "name",
        "pipelineName",
        "stageName",
        "actionName",
        "pipelineExecutionId",
        "targetPipelineExecutionId",
        "pipeline",
        "stages",
        "actions",
        "transitionType",
        "reason",
        "retryMode",
        "token",
        "result",
        "status",
        "summary",
        "filter",
        "nextToken",
        "maxResults",
        "variables",
        "sourceRevisions",
        "version",
        "actionTypeId",
        "succeededInStage",
        "resourceArn",
    ];
    prop_oneof![8 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => ".{0,8}"]
}

fn answered(status: StatusCode) -> bool {
    status.is_success() || status.is_client_error() || status.is_redirection()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_members_are_answered_alike_in_both_protocols(operation in prop::sample::select(OPERATIONS.to_vec()), members in members()) {
        run(async {
            let mut cbor = Vec::new();
            ciborium::into_writer(&members, &mut cbor).unwrap();
            let (one, other) = (Server::with_pipeline().await, Server::with_pipeline().await);
            let json = one.operation(operation, &members).await;
            let path = format!("/service/CodePipeline_20150709/operation/{operation}");
            let rpc = other.post(&path, &[("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")], cbor).await;
            assert!(answered(json.status), "{operation} {members} {}", json.text());
            assert_eq!(json.status, rpc.status, "{operation} {members}");
            assert_eq!(json.header("x-amzn-errortype"), rpc.header("x-amzn-errortype"), "{operation} {members}");
        });
    }

    #[test]
    fn any_bytes_are_answered(body in prop::collection::vec(any::<u8>(), 0..200)) {
        run(async {
            let server = Server::with_pipeline().await;
            for operation in ["GetPipeline", "CreatePipeline"] {
                let path = format!("/service/CodePipeline_20150709/operation/{operation}");
                let headers = [("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")];
                assert!(answered(server.post(&path, &headers, body.clone()).await.status));
            }
            let target = [("x-amz-target", "CodePipeline_20150709.CreatePipeline"), ("content-type", "application/x-amz-json-1.1")];
            assert!(answered(server.post("/", &target, body.clone()).await.status));
            assert!(answered(server.post("/penstock/v1/apply", &[], body.clone()).await.status));
            let form = [("content-type", "application/x-www-form-urlencoded")];
            assert!(answered(server.post("/approvals/x", &form, body.clone()).await.status));
        });
    }

    #[test]
    fn any_path_is_answered(path in "(/(pipelines|approvals|sites|penstock/v1|assets|canal|executions|[a-zA-Z0-9%._-]{0,6})){1,6}") {
        run(async {
            let server = Server::with_pipeline().await;
            assert!(answered(server.get(&path).await.status), "{path}");
        });
    }
}
