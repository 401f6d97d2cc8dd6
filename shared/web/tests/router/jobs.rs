//! Answers of invoked functions.

use penstock_app::engine::debt::Debt;
use penstock_app::jobs::{Invocation, JobId, JobRecords, OutputPlace};
use penstock_app::port::outputs::Outputs;
use penstock_app::port::queue::Message;
use penstock_model::id::AttemptId;
use penstock_model::pipeline::Category;
use penstock_model::time::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::fixture::Server;

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

/// The job of an attempt that was begun and whose function has not answered yet.
async fn invoked(server: &Server) -> (AttemptId, JobId) {
    let id = server.start("good").await;
    server.decide(&id).await;
    let attempt: AttemptId = format!("{id}/Release/Rollout/1").parse().unwrap();
    let job = JobRecords::new(server.outputs.clone()).open(drawn(), invocation(&attempt)).await.unwrap();
    (attempt, job.id)
}

fn drawn() -> JobId {
    JobId::new([7; 16]).unwrap()
}

fn invocation(attempt: &AttemptId) -> Invocation {
    let (pipeline, attempt) = ("canal".parse().unwrap(), attempt.clone());
    Invocation {
        pipeline,
        attempt,
        round: 1,
        at: Timestamp(0),
        continuation: None,
        outputs: vec![],
        job: None,
    }
}

/// What earlier releases made a job's id of: anybody who knows the attempt can compute it.
fn computed(attempt: &AttemptId) -> String {
    let mut bytes = Sha256::digest(format!("job {attempt} 1"));
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(&bytes[..16]);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Where a record of a job lies.
fn place(job: &str, what: &str) -> AttemptId {
    let (stage, action) = ("job".parse().unwrap(), what.parse().unwrap());
    AttemptId { execution: job.parse().unwrap(), stage, action, number: 0 }
}

#[tokio::test]
async fn whoever_knows_the_attempt_cannot_answer_for_it() {
    let server = Server::with_pipeline().await;
    let (attempt, job) = invoked(&server).await;
    let id = computed(&attempt);
    assert_ne!(id, job.to_string());
    for operation in ["PutJobSuccessResult", "GetJobDetails"] {
        let answer = server.operation(operation, &json!({"jobId": id})).await;
        assert_eq!(answer.json()["__type"], "JobNotFoundException", "{operation}");
    }
    let failure = json!({"jobId": id, "failureDetails": {"type": "JobFailed", "message": "no"}});
    let answer = server.operation("PutJobFailureResult", &failure).await;
    assert_eq!(answer.json()["__type"], "JobNotFoundException");
    assert_eq!(server.operation("PutJobSuccessResult", &json!({"jobId": job.to_string()})).await.status, 200);
}

#[tokio::test]
async fn a_job_that_is_opened_again_keeps_its_id() {
    let server = Server::with_pipeline().await;
    let (attempt, job) = invoked(&server).await;
    let records = JobRecords::new(server.outputs.clone());
    let again = records.open(JobId::new([8; 16]).unwrap(), invocation(&attempt)).await.unwrap();
    assert_eq!(again.id, job);
    assert_eq!(records.opened(&attempt, 1).await.unwrap(), Some(again));
    assert_eq!(records.opened(&attempt, 2).await.unwrap(), None);
}

/// An update of the stack meets functions that were called under a computed id.
#[tokio::test]
async fn a_job_of_the_release_before_is_answered() {
    let server = Server::with_pipeline().await;
    let id = server.start("good").await;
    server.decide(&id).await;
    let attempt: AttemptId = format!("{id}/Release/Rollout/1").parse().unwrap();
    let job = computed(&attempt);
    let record = json!({"pipeline": "canal", "attempt": attempt, "round": 1, "at": 0}).to_string();
    server.outputs.put(&place(&job, "invocation"), &[("record".to_owned(), record)].into()).await.unwrap();

    let records = JobRecords::new(server.outputs.clone());
    let again = records.open(drawn(), invocation(&attempt)).await.unwrap();
    assert_eq!(again.id.to_string(), job, "it is not called under another");
    assert_eq!(server.operation("PutJobSuccessResult", &json!({"jobId": job})).await.status, 200);
    let execution =
        server.web.query.raw_execution(&"canal".parse().unwrap(), &attempt.execution).await.unwrap();
    assert!(execution.attempt(&attempt).unwrap().has_succeeded());
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
    while server.queue.take().is_some() {}
    let again = json!({"jobId": job.to_string(), "continuationToken": "7"});
    for _ in 0..2 {
        assert_eq!(server.operation("PutJobSuccessResult", &again).await.status, 200);
        assert_eq!(
            server.queue.take(),
            Some(look(&attempt)),
            "who calls it again is told, and not only by the sweeper"
        );
    }
    let execution =
        server.web.query.raw_execution(&"canal".parse().unwrap(), &attempt.execution).await.unwrap();
    assert!(execution.attempt(&attempt).unwrap().is_live());
}

/// A roll-back of the stack meets attempts that this release began: they look as they always have, so that they are waited
/// for and not called again, and the answer finds its job.
#[tokio::test]
async fn a_job_of_this_release_is_known_to_the_release_before() {
    let server = Server::with_pipeline().await;
    let (attempt, job) = invoked(&server).await;
    let records = JobRecords::new(server.outputs.clone());
    records.called(&records.opened(&attempt, 1).await.unwrap().unwrap()).await.unwrap();
    let record = async |job: &str, what: &str| -> serde_json::Value {
        let kept = server.outputs.get(&place(job, what)).await.unwrap();
        serde_json::from_str(&kept["record"]).unwrap()
    };
    for id in [computed(&attempt), job.to_string()] {
        let record = record(&id, "invocation").await;
        let known = ["pipeline", "attempt", "round", "at"].map(|key| &record[key]);
        assert_eq!(known, [&json!("canal"), &json!(attempt), &json!(1), &json!(0)]);
    }
    assert_eq!(record(&computed(&attempt), "called").await, json!(true));
}

fn look(attempt: &AttemptId) -> Message {
    Message::Debt {
        pipeline: "canal".parse().unwrap(),
        category: Some(Category::Invoke),
        debt: Debt::Observe { attempt: attempt.clone() },
    }
}

/// The job of an attempt whose function is to put an output artifact.
async fn invoked_for_output(server: &Server) -> (AttemptId, String) {
    let id = server.start("good").await;
    server.decide(&id).await;
    let attempt: AttemptId = format!("{id}/Release/Rollout/1").parse().unwrap();
    let report = OutputPlace {
        name: "Report".parse().unwrap(),
        bucket: "store".to_owned(),
        key: "artifacts/canal/p-1/Report.zip".to_owned(),
    };
    let asked = Invocation { outputs: vec![report], ..invocation(&attempt) };
    let job = JobRecords::new(server.outputs.clone()).open(drawn(), asked).await.unwrap();
    (attempt, job.id.to_string())
}

#[tokio::test]
async fn a_success_with_output_artifacts_is_looked_at_by_who_may_read_them() {
    let server = Server::with_pipeline().await;
    let (attempt, job) = invoked_for_output(&server).await;
    let details = server.operation("GetJobDetails", &json!({"jobId": job})).await.json();
    let location = json!({"bucketName": "store", "objectKey": "artifacts/canal/p-1/Report.zip"});
    let report = json!({"name": "Report", "location": {"type": "S3", "s3Location": location}});
    assert_eq!(details["jobDetails"]["data"]["outputArtifacts"], json!([report]));

    while server.queue.take().is_some() {}
    for _ in 0..2 {
        let answer = server.operation("PutJobSuccessResult", &json!({"jobId": job})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(
            server.queue.take(),
            Some(look(&attempt)),
            "each answer is looked at, also one that came again"
        );
    }
    let execution =
        server.web.query.raw_execution(&"canal".parse().unwrap(), &attempt.execution).await.unwrap();
    assert!(execution.attempt(&attempt).unwrap().is_live(), "nobody has looked yet");
    let failure = json!({"jobId": job, "failureDetails": {"type": "JobFailed", "message": "no"}});
    let answer = server.operation("PutJobFailureResult", &failure).await;
    assert_eq!(answer.json()["__type"], "InvalidJobStateException", "the first answer counts");
}

#[tokio::test]
async fn a_failure_needs_no_output_artifact() {
    let server = Server::with_pipeline().await;
    let (attempt, job) = invoked_for_output(&server).await;
    let failure = json!({"jobId": job, "failureDetails": {"type": "JobFailed", "message": "no"}});
    assert_eq!(server.operation("PutJobFailureResult", &failure).await.status, 200);
    let execution =
        server.web.query.raw_execution(&"canal".parse().unwrap(), &attempt.execution).await.unwrap();
    assert!(!execution.attempt(&attempt).unwrap().is_live());
}

#[tokio::test]
async fn an_answer_after_the_actions_end_is_refused() {
    let server = Server::with_pipeline().await;
    let (attempt, job) = invoked_for_output(&server).await;
    let stop = json!({"pipelineName": "canal", "pipelineExecutionId": attempt.execution, "abandon": true});
    assert_eq!(server.operation("StopPipelineExecution", &stop).await.status, 200);
    while server.queue.take().is_some() {}
    let answer = server.operation("PutJobSuccessResult", &json!({"jobId": job})).await;
    assert_eq!(answer.json()["__type"], "InvalidJobStateException");
    assert!(server.queue.is_empty(), "nobody looks for its artifacts");
}
