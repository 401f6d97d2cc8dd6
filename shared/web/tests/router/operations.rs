//! Operations of the API, their shapes and their refusals.

use penstock_model::pipeline::ExecutionMode;
use serde_json::{Value, json};

use crate::fixture::{Server, release};

fn with_role(name: &str) -> Value {
    let mut value = serde_json::to_value(release(name, ExecutionMode::Superseded)).unwrap();
    value["roleArn"] = json!("arn:aws:iam::000000000000:role/release");
    value
}

#[tokio::test]
async fn pipelines_are_created_updated_read_listed_and_deleted() {
    let server = Server::new();
    let pipeline = with_role("canal");
    let made = server.operate("CreatePipeline", &json!({"pipeline": pipeline})).await;
    assert_eq!(made["pipeline"]["version"], 1);
    assert_eq!(
        server.refused("CreatePipeline", &json!({"pipeline": pipeline})).await,
        "PipelineNameInUseException"
    );
    assert_eq!(
        server.refused("UpdatePipeline", &json!({"pipeline": with_role("other")})).await,
        "PipelineNotFoundException"
    );

    let got = server.operate("GetPipeline", &json!({"name": "canal"})).await;
    assert_eq!(got["metadata"]["pipelineArn"], "arn:aws:codepipeline:us-east-1:000000000000:canal");
    let updated = server.operate("UpdatePipeline", &json!({"pipeline": got["pipeline"]})).await;
    assert_eq!(updated["pipeline"]["version"], 2);
    assert_eq!(
        server.operate("GetPipeline", &json!({"name": "canal", "version": 1})).await["pipeline"]["version"],
        1
    );
    assert_eq!(
        server.refused("GetPipeline", &json!({"name": "canal", "version": 3})).await,
        "PipelineVersionNotFoundException"
    );

    server.operate("CreatePipeline", &json!({"pipeline": with_role("weir")})).await;
    let page = server.operate("ListPipelines", &json!({"maxResults": 1})).await;
    assert_eq!(page["pipelines"][0]["name"], "canal");
    let page =
        server.operate("ListPipelines", &json!({"maxResults": 1, "nextToken": page["nextToken"]})).await;
    assert_eq!((&page["pipelines"][0]["name"], page.get("nextToken")), (&json!("weir"), None));

    server.operate("DeletePipeline", &json!({"name": "canal"})).await;
    server.operate("DeletePipeline", &json!({"name": "canal"})).await;
    assert_eq!(
        server.refused("GetPipelineState", &json!({"name": "canal"})).await,
        "PipelineNotFoundException"
    );
}

#[tokio::test]
async fn a_definition_without_a_role_survives_the_way_through_a_client() {
    let server = Server::with_pipeline().await;
    let got = server.operate("GetPipeline", &json!({"name": "canal"})).await;
    assert_eq!(got["pipeline"]["roleArn"], "arn:aws:iam::000000000000:role/penstock-default");
    server.operate("UpdatePipeline", &json!({"pipeline": got["pipeline"]})).await;
    let (_, stored, _) = server.web.query.definition(&"canal".parse().unwrap(), None).await.unwrap();
    assert_eq!(stored.role_arn, None);
}

#[tokio::test]
async fn wrong_definitions_are_refused_by_the_models_names() {
    let server = Server::new();
    let refused = async |change: fn(&mut Value)| {
        let mut pipeline = with_role("canal");
        change(&mut pipeline);
        server.refused("CreatePipeline", &json!({"pipeline": pipeline})).await
    };
    let found = [
        ("one stage", refused(|it| it["stages"] = json!([it["stages"][0]])).await),
        ("two stages of a name", refused(|it| it["stages"][1]["name"] = json!("Source")).await),
        (
            "a source later",
            refused(|it| {
                it["stages"][2] = {
                    let mut stage = it["stages"][0].clone();
                    stage["name"] = json!("Late");
                    stage
                }
            })
            .await,
        ),
        ("two actions of a name", refused(|it| it["stages"][2]["actions"][1]["name"] = json!("Ask")).await),
        (
            "an artifact of nobody",
            refused(|it| it["stages"][1]["actions"][0]["inputArtifacts"] = json!([{"name": "Nothing"}]))
                .await,
        ),
        (
            "a blocker",
            refused(|it| it["stages"][1]["blockers"] = json!([{"name": "x", "type": "Schedule"}])).await,
        ),
        (
            "no name",
            refused(|it| {
                it.as_object_mut().unwrap().remove("name");
            })
            .await,
        ),
        (
            "an unknown category",
            refused(|it| it["stages"][1]["actions"][0]["actionTypeId"]["category"] = json!("Magic")).await,
        ),
        ("a mode of its own", refused(|it| it["executionMode"] = json!("CHAOS")).await),
        (
            "51 variables",
            refused(|it| {
                let more = (1..51).map(|n| json!({"name": format!("V{n}")}));
                it["variables"].as_array_mut().unwrap().extend(more);
            })
            .await,
        ),
    ];
    insta::assert_yaml_snapshot!("wrong_definitions", found);
    let tagged = json!({"pipeline": with_role("canal"), "tags": [{"key": "a", "value": "b"}]});
    assert_eq!(server.refused("CreatePipeline", &tagged).await, "InvalidTagsException");
}

#[tokio::test]
async fn an_execution_is_started_decided_and_read() {
    let server = Server::with_pipeline().await;
    let start = json!({"name": "canal", "clientRequestToken": "once"});
    let id = server.operate("StartPipelineExecution", &start).await["pipelineExecutionId"].clone();
    assert_eq!(server.operate("StartPipelineExecution", &start).await["pipelineExecutionId"], id);
    server.settle().await;
    let state = server.operate("GetPipelineState", &json!({"name": "canal"})).await;
    insta::assert_yaml_snapshot!("state_while_an_approval_waits", state);

    let token = state["stageStates"][2]["actionStates"][0]["latestExecution"]["token"].clone();
    let verdict = json!({"pipelineName": "canal", "stageName": "Release", "actionName": "Ask", "token": token,
        "result": {"summary": "fine", "status": "Approved"}});
    let mut stranger = verdict.clone();
    stranger["token"] = json!("00000000-0000-4000-8000-000000000000");
    assert_eq!(server.refused("PutApprovalResult", &stranger).await, "InvalidApprovalTokenException");
    assert!(server.operate("PutApprovalResult", &verdict).await["approvedAt"].is_number());
    assert_eq!(server.refused("PutApprovalResult", &verdict).await, "ApprovalAlreadyCompletedException");
    server.settle().await;

    let named = json!({"pipelineName": "canal", "pipelineExecutionId": id});
    insta::assert_yaml_snapshot!("execution", server.operate("GetPipelineExecution", &named).await);
    insta::assert_yaml_snapshot!(
        "executions",
        server.operate("ListPipelineExecutions", &json!({"pipelineName": "canal"})).await
    );
    let filter = json!({"pipelineName": "canal", "filter": {"pipelineExecutionId": id}});
    insta::assert_yaml_snapshot!("actions", server.operate("ListActionExecutions", &filter).await);
}

#[tokio::test]
async fn a_failed_stage_is_retried_until_another_execution_enters_it() {
    let server = Server::with_pipeline().await;
    let id = server.start("bad").await;
    let retry = |stage: &str| json!({"pipelineName": "canal", "stageName": stage, "pipelineExecutionId": id, "retryMode": "FAILED_ACTIONS"});
    assert_eq!(server.refused("RetryStageExecution", &retry("Source")).await, "StageNotRetryableException");
    assert_eq!(server.refused("RetryStageExecution", &retry("Nowhere")).await, "StageNotFoundException");
    assert_eq!(
        server.operate("RetryStageExecution", &retry("Build")).await["pipelineExecutionId"],
        json!(id)
    );
    server.settle().await;
    let filter = json!({"pipelineName": "canal", "filter": {"pipelineExecutionId": id}});
    let attempts = server.operate("ListActionExecutions", &filter).await;
    let failed = attempts["actionExecutionDetails"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["actionName"] == "Unit");
    assert_eq!(failed.count(), 2, "{attempts}");
    server.start("good").await;
    assert_eq!(
        server.refused("RetryStageExecution", &retry("Build")).await,
        "NotLatestPipelineExecutionException"
    );
}

#[tokio::test]
async fn a_stage_is_rolled_back_to_an_earlier_success() {
    let server = Server::with_pipeline().await;
    let first = server.start("good").await;
    server.approve(&first).await;
    let second = server.start("good").await;
    server.approve(&second).await;
    let named = json!({"pipelineName": "canal", "stageName": "Release", "targetPipelineExecutionId": first});
    let id = server.operate("RollbackStage", &named).await["pipelineExecutionId"].clone();
    let named = json!({"pipelineName": "canal", "pipelineExecutionId": id});
    let whole = server.operate("GetPipelineExecution", &named).await["pipelineExecution"].clone();
    assert_eq!(
        (&whole["executionType"], &whole["rollbackMetadata"]["rollbackTargetPipelineExecutionId"]),
        (&json!("ROLLBACK"), &json!(first))
    );
    let source = json!({"pipelineName": "canal", "stageName": "Source", "targetPipelineExecutionId": first});
    assert_eq!(server.refused("RollbackStage", &source).await, "UnableToRollbackStageException");
}

#[tokio::test]
async fn an_execution_is_stopped_once() {
    let server = Server::with_pipeline().await;
    let id = server.start("good").await;
    let stop = json!({"pipelineName": "canal", "pipelineExecutionId": id, "reason": "not today"});
    server.operate("StopPipelineExecution", &stop).await;
    let again = server.refused("StopPipelineExecution", &stop).await;
    assert!(
        ["DuplicatedStopRequestException", "PipelineExecutionNotStoppableException"]
            .contains(&again.as_str()),
        "{again}"
    );
    let long = json!({"pipelineName": "canal", "pipelineExecutionId": id, "reason": "x".repeat(201)});
    assert_eq!(server.refused("StopPipelineExecution", &long).await, "ValidationException");
}

#[tokio::test]
async fn a_transition_is_closed_with_a_reason_and_opened() {
    let server = Server::with_pipeline().await;
    let named = json!({"pipelineName": "canal", "stageName": "Release", "transitionType": "Inbound"});
    let mut close = named.clone();
    assert_eq!(server.refused("DisableStageTransition", &close).await, "ValidationException", "no reason");
    close["reason"] = json!("frozen");
    server.operate("DisableStageTransition", &close).await;
    let state = server.operate("GetPipelineState", &json!({"name": "canal"})).await;
    insta::assert_yaml_snapshot!(state["stageStates"][2]["inboundTransitionState"], @r"
    disabledReason: frozen
    enabled: false
    lastChangedAt: 1700000000
    lastChangedBy: Ada
    ");
    server.operate("EnableStageTransition", &named).await;
    let state = server.operate("GetPipelineState", &json!({"name": "canal"})).await;
    assert_eq!(state["stageStates"][2]["inboundTransitionState"], json!({"enabled": true}));
}

#[tokio::test]
async fn histories_come_in_pages() {
    let server = Server::with_pipeline().await;
    for outcome in ["bad", "bad", "bad"] {
        server.start(outcome).await;
    }
    for (operation, list, count) in [
        ("ListPipelineExecutions", "pipelineExecutionSummaries", 3),
        ("ListActionExecutions", "actionExecutionDetails", 6),
    ] {
        let (mut found, mut token) = (Vec::new(), Value::Null);
        loop {
            let page = server
                .operate(operation, &json!({"pipelineName": "canal", "maxResults": 1, "nextToken": token}))
                .await;
            found.extend(page[list].as_array().unwrap().clone());
            token = page["nextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        let whole = server.operate(operation, &json!({"pipelineName": "canal"})).await;
        assert_eq!((found.len(), &json!(found)), (count, &whole[list]), "{operation}");
        assert_eq!(
            server.refused(operation, &json!({"pipelineName": "canal", "nextToken": "?"})).await,
            "InvalidNextTokenException"
        );
    }
}

#[tokio::test]
async fn a_page_of_one_list_is_none_of_another() {
    let server = Server::with_pipeline().await;
    server.web.control.create(release("lock", ExecutionMode::Superseded), "Ada").await.unwrap();
    let id = server.start("bad").await;
    server.start("bad").await;
    for (operation, filter) in [
        ("ListPipelineExecutions", json!({"succeededInStage": {"stageName": "Source"}})),
        ("ListActionExecutions", json!({"pipelineExecutionId": id})),
    ] {
        let page = server.operate(operation, &json!({"pipelineName": "canal", "maxResults": 1})).await;
        let token = page["nextToken"].clone();
        let elsewhere = json!({"pipelineName": "lock", "nextToken": token});
        assert_eq!(server.refused(operation, &elsewhere).await, "InvalidNextTokenException", "{operation}");
        let filtered = json!({"pipelineName": "canal", "filter": filter, "nextToken": token});
        assert_eq!(server.refused(operation, &filtered).await, "InvalidNextTokenException", "{operation}");
        server
            .operate(operation, &json!({"pipelineName": "canal", "maxResults": 9, "nextToken": token}))
            .await;
    }
}

#[tokio::test]
async fn executions_are_filtered_by_where_they_succeeded() {
    let server = Server::with_pipeline().await;
    server.start("bad").await;
    let good = server.start("good").await;
    let filter = json!({"pipelineName": "canal", "filter": {"succeededInStage": {"stageName": "Build"}}});
    let found = server.operate("ListPipelineExecutions", &filter).await;
    assert_eq!(found["pipelineExecutionSummaries"][0]["pipelineExecutionId"], json!(good));
    assert_eq!(
        (found["pipelineExecutionSummaries"].as_array().unwrap().len(), found.get("nextToken")),
        (1, None)
    );
}

#[tokio::test]
async fn in_parallel_mode_the_history_shows_the_token() {
    let server = Server::new();
    server.web.control.create(release("canal", ExecutionMode::Parallel), "Ada").await.unwrap();
    let id = server.start("good").await;
    let filter = json!({"pipelineName": "canal", "filter": {"pipelineExecutionId": id}});
    let attempts = server.operate("ListActionExecutions", &filter).await;
    let ask = attempts["actionExecutionDetails"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["actionName"] == "Ask")
        .unwrap()
        .clone();
    let token = server.web.approvals.api_token(&server.ask(&id));
    assert_eq!(ask["output"]["executionResult"]["externalExecutionId"], json!(token));
}

#[tokio::test]
async fn unfinished_features_answer_as_empty_lists() {
    let server = Server::with_pipeline().await;
    let arn = "arn:aws:codepipeline:us-east-1:000000000000:canal";
    assert_eq!(
        server.operate("ListTagsForResource", &json!({"resourceArn": arn})).await,
        json!({"tags": []})
    );
    let arn = "arn:aws:codepipeline:us-east-1:000000000000:nobody";
    assert_eq!(
        server.refused("ListTagsForResource", &json!({"resourceArn": arn})).await,
        "ResourceNotFoundException"
    );
    assert_eq!(
        server.refused("ListTagsForResource", &json!({"resourceArn": "x"})).await,
        "InvalidArnException"
    );
    let rules = server.operate("ListRuleExecutions", &json!({"pipelineName": "canal"})).await;
    assert_eq!(rules, json!({"ruleExecutionDetails": []}));
}
