//! The deployed API, called as `CodePipeline` clients call it: signed requests.

use std::time::Duration;

use penstock_aws::sdk::Sdk;
use penstock_aws::signing::{Signer, Unsigned};
use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::stack::{Stack, stack, until};

/// A client with an administrator's credentials.
pub(crate) struct Client {
    pub(crate) stack: &'static Stack,
    pub(crate) http: reqwest::Client,
    signer: Signer,
}

impl Client {
    pub(crate) fn new() -> Self {
        let stack = stack();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        let sdk = Sdk::from_config(stack.sdk());
        Self { stack, http, signer: Signer::new(&sdk, "execute-api", "us-east-1").unwrap() }
    }

    /// An operation's status and answer.
    pub(crate) async fn call(&self, operation: &str, input: &Json) -> (u16, Json) {
        let (url, body) = (self.stack.url("/"), input.to_string());
        let target = format!("CodePipeline_20150709.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        let unsigned = Unsigned { method: "POST", url: &url, headers: &headers, body: body.as_bytes() };
        let mut request = self.http.request(Method::POST, &url).body(body.clone());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        for (name, value) in self.signer.sign(&unsigned).await.unwrap() {
            request = request.header(name, value);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// The answer to an operation, which has to succeed.
    pub(crate) async fn operate(&self, operation: &str, input: &Json) -> Json {
        let (status, answer) = self.call(operation, input).await;
        assert_eq!(status, 200, "{operation}: {answer}");
        answer
    }

    /// The executions of a pipeline, newest first.
    pub(crate) async fn executions(&self, pipeline: &str) -> Vec<Json> {
        let answer = self.operate("ListPipelineExecutions", &json!({"pipelineName": pipeline})).await;
        answer["pipelineExecutionSummaries"].as_array().unwrap().clone()
    }

    /// Waits until the newest execution of `pipeline` has this status; its id.
    pub(crate) async fn until_execution(&self, pipeline: &str, status: &str) -> String {
        until(&format!("{pipeline} {status}"), async || {
            let newest = self.executions(pipeline).await.into_iter().next()?;
            let seen = newest["status"].as_str().unwrap();
            let ended = ["Failed", "Succeeded", "Stopped"].contains(&seen);
            assert!(seen == status || !ended, "{pipeline}: {seen}: {:?}", self.errors(pipeline).await);
            (seen == status).then(|| newest["pipelineExecutionId"].as_str().unwrap().to_owned())
        })
        .await
    }

    /// The actions of an execution, as the history tells of them, oldest first.
    pub(crate) async fn actions(&self, pipeline: &str, execution: &str) -> Vec<Json> {
        let filter = json!({"pipelineExecutionId": execution});
        let input = json!({"pipelineName": pipeline, "filter": filter});
        let answer = self.operate("ListActionExecutions", &input).await;
        let mut actions = answer["actionExecutionDetails"].as_array().unwrap().clone();
        actions.reverse();
        actions
    }

    /// The latest execution of an action.
    pub(crate) async fn action(&self, pipeline: &str, name: &str) -> Option<Json> {
        let state = self.operate("GetPipelineState", &json!({"name": pipeline})).await;
        let stages = state["stageStates"].as_array().unwrap().clone();
        let mut actions = stages.iter().flat_map(|stage| stage["actionStates"].as_array().unwrap());
        actions.find(|action| action["actionName"] == name)?.get("latestExecution").cloned()
    }

    /// Waits until the latest execution of an action has this status.
    pub(crate) async fn until_action(&self, pipeline: &str, name: &str, status: &str) -> Json {
        until(&format!("{name} of {pipeline} {status}"), async || {
            self.action(pipeline, name).await.filter(|it| it["status"] == status)
        })
        .await
    }

    /// Approves the action `Ask` of the stage `Approve`, by the API.
    pub(crate) async fn approve(&self, pipeline: &str) {
        let asked = self.until_action(pipeline, "Ask", "InProgress").await;
        let input = json!({
            "pipelineName": pipeline, "stageName": "Approve", "actionName": "Ask", "token": asked["token"],
            "result": {"status": "Approved", "summary": "fine"},
        });
        self.operate("PutApprovalResult", &input).await;
    }

    async fn errors(&self, pipeline: &str) -> Vec<Json> {
        let state = self.operate("GetPipelineState", &json!({"name": pipeline})).await;
        let stages = state["stageStates"].as_array().unwrap().clone();
        let actions = stages.iter().flat_map(|stage| stage["actionStates"].as_array().unwrap());
        actions.map(|action| action["latestExecution"]["errorDetails"].clone()).collect()
    }
}
