//! Following an execution of a server over HTTP.

use std::time::Duration;

use async_trait::async_trait;
use penstock_app::view::ExecutionView;
use penstock_model::id::{AttemptId, ExecutionId, PipelineName};
use reqwest::Method;
use serde_json::{Value as Json, json};

use super::Client;
use crate::reach::{ApprovalPlace, LogPart, Reach};

#[async_trait]
impl Reach for Client {
    async fn execution(
        &self,
        pipeline: &PipelineName,
        id: Option<&ExecutionId>,
    ) -> anyhow::Result<ExecutionView> {
        let id = id.map_or("latest", ExecutionId::as_str);
        self.get(&format!("/penstock/v1/pipelines/{pipeline}/executions/{id}")).await
    }

    async fn log(&self, attempt: &AttemptId, offset: u64) -> anyhow::Result<LogPart> {
        let AttemptId { execution, stage, action, number } = attempt;
        let path =
            format!("/penstock/v1/executions/{execution}/logs/{stage}/{action}/{number}?offset={offset}");
        let response = self.send(self.request(Method::GET, &path)).await?;
        let next = response
            .headers()
            .get("penstock-next-offset")
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let bytes = response.bytes().await?.to_vec();
        Ok(LogPart { next: next.unwrap_or(offset + bytes.len() as u64), bytes })
    }

    async fn verdict(&self, place: &ApprovalPlace, approved: bool, comment: &str) -> anyhow::Result<()> {
        let ApprovalPlace { pipeline, execution, stage, action } = place;
        let path = format!("/penstock/v1/pipelines/{pipeline}/stages/{stage}/actions/{action}/verdict");
        let mut body = json!({ "approved": approved, "comment": comment });
        if let Some(execution) = execution {
            body["executionId"] = execution.as_str().into();
        }
        self.send(self.request(Method::POST, &path).json(&body)).await?;
        Ok(())
    }

    async fn stop(&self, pipeline: &PipelineName, id: &ExecutionId, abandon: bool) -> anyhow::Result<()> {
        let body = json!({ "pipelineName": pipeline, "pipelineExecutionId": id, "abandon": abandon });
        let _: Json = self.operation("StopPipelineExecution", &body).await?;
        Ok(())
    }

    fn patience(&self) -> Duration {
        // Each look at an installation on AWS is a call that is paid for and counted against its throttle.
        if self.signer.is_some() { Duration::from_secs(2) } else { Duration::ZERO }
    }

    fn whole_log(&self, attempt: &AttemptId) -> String {
        let AttemptId { execution, stage, action, .. } = attempt;
        format!("penstock logs {execution} --action {stage}/{action}{}", self.again())
    }

    fn again(&self) -> &str {
        Self::again(self)
    }
}
