//! Answers of invoked functions.

use penstock_app::jobs::{Invocation, JobId, JobRecords};
use penstock_model::id::AttemptId;
use penstock_model::time::Timestamp;
use serde_json::json;

use crate::fixture::Server;

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

/// The job of an attempt that was begun and whose function has not answered yet.
async fn invoked(server: &Server) -> (AttemptId, JobId) {
    let id = server.start("good").await;
    server.decide(&id).await;
    let attempt: AttemptId = format!("{id}/Release/Rollout/1").parse().unwrap();
    let job = JobId::of(&attempt, 1).unwrap();
    let pipeline = "canal".parse().unwrap();
    let invocation =
        Invocation { pipeline, attempt: attempt.clone(), round: 1, at: Timestamp(0), continuation: None };
    JobRecords::new(server.outputs.clone()).invoke(&job, &invocation).await.unwrap();
    (attempt, job)
}

#[tokio::test]
async fn an_answer_that_fits_no_job_is_refused() {
    let server = Server::with_pipeline().await;
    let failure = json!({"type": "JobFailed", "message": "no"});
    let answer = server.operation("PutJobSuccessResult", &json!({"jobId": UNKNOWN})).await;
    assert_eq!(answer.json()["__type"], "JobNotFoundException");
    let answer = server.operation("GetJobDetails", &json!({"jobId": UNKNOWN})).await;
    assert_eq!(answer.json()["__type"], "JobNotFoundException");
    let answer =
        server.operation("PutJobFailureResult", &json!({"jobId": "x", "failureDetails": failure})).await;
    assert_eq!(answer.json()["__type"], "ValidationException");
    let answer = server.operation("PutJobFailureResult", &json!({"jobId": UNKNOWN})).await;
    assert_eq!(answer.json()["__type"], "ValidationException");
}

#[tokio::test]
async fn the_address_of_jobs_answers_nothing_else() {
    let server = Server::with_pipeline().await;
    let call = async |operation: &str| {
        let target = format!("CodePipeline_20150709.{operation}");
        let headers = [("x-amz-target", target.as_str()), ("content-type", "application/x-amz-json-1.1")];
        let members = json!({"jobId": UNKNOWN, "name": "canal"}).to_string();
        server.post("/jobs", &headers, members).await.json()["__type"].as_str().unwrap().to_owned()
    };
    assert_eq!(call("PutJobSuccessResult").await, "JobNotFoundException");
    for other in ["GetPipeline", "StartPipelineExecution", "DeletePipeline", "PutApprovalResult"] {
        assert_eq!(call(other).await, "UnknownOperationException", "{other}");
    }
}

#[tokio::test]
async fn a_success_ends_the_attempt_once_with_its_variables() {
    let server = Server::with_pipeline().await;
    let (attempt, job) = invoked(&server).await;
    let job = job.to_string();
    let details = server.operation("GetJobDetails", &json!({"jobId": job})).await.json();
    assert_eq!(details["jobDetails"]["data"]["pipelineContext"]["stage"]["name"], "Release");

    let success = json!({
        "jobId": job, "outputVariables": {"Url": "https://a.example"}, "executionDetails": {"summary": "ready"},
    });
    for _ in 0..2 {
        let answer = server.operation("PutJobSuccessResult", &success).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(server.web.query.variables(&attempt).await.unwrap()["Url"], "https://a.example");
    let execution =
        server.web.query.raw_execution(&"canal".parse().unwrap(), &attempt.execution).await.unwrap();
    assert!(execution.attempt(&attempt).unwrap().has_succeeded());

    let failure = json!({"jobId": job, "failureDetails": {"type": "JobFailed", "message": "no"}});
    let answer = server.operation("PutJobFailureResult", &failure).await;
    assert_eq!(answer.json()["__type"], "InvalidJobStateException");
}

#[tokio::test]
async fn a_failure_is_told_in_the_functions_words() {
    let server = Server::with_pipeline().await;
    let (attempt, job) = invoked(&server).await;
    let failure = json!({
        "jobId": job.to_string(), "failureDetails": {"type": "PermissionError", "message": "may not"},
    });
    assert_eq!(server.operation("PutJobFailureResult", &failure).await.status, 200);
    let execution =
        server.web.query.raw_execution(&"canal".parse().unwrap(), &attempt.execution).await.unwrap();
    let error = execution.attempt(&attempt).unwrap().error.clone().unwrap();
    assert_eq!((error.code.as_str(), error.message.as_str()), ("PermissionError", "may not"));
}

#[tokio::test]
async fn a_continuation_leaves_the_attempt_running() {
    let server = Server::with_pipeline().await;
    let (attempt, job) = invoked(&server).await;
    let again = json!({"jobId": job.to_string(), "continuationToken": "7"});
    assert_eq!(server.operation("PutJobSuccessResult", &again).await.status, 200);
    let execution =
        server.web.query.raw_execution(&"canal".parse().unwrap(), &attempt.execution).await.unwrap();
    assert!(execution.attempt(&attempt).unwrap().is_live());
}
