//! Retry a stage, roll it back, close and open its inbound transition.

use penstock_app::engine::command::RetryActions;
use penstock_model::id::{ExecutionId, PipelineName, StageName};

use super::error::ApiError;
use super::executions::Started;
use super::operation::{Answer, Call};

pub(crate) async fn retry(call: Call<'_>) -> Answer {
    let (pipeline, stage) = named(&call)?;
    let execution: ExecutionId = call.input.id("pipelineExecutionId")?;
    let actions =
        [("FAILED_ACTIONS", RetryActions::FailedActions), ("ALL_ACTIONS", RetryActions::AllActions)];
    let actions = call.input.one_of("retryMode", &actions)?;
    let id = call
        .web
        .control
        .retry(&pipeline, Some(execution), &stage, actions)
        .await
        .map_err(unknown_execution("StageNotRetryableException"))?;
    call.answer(&Started { pipeline_execution_id: id })
}

pub(crate) async fn rollback(call: Call<'_>) -> Answer {
    let (pipeline, stage) = named(&call)?;
    let target: ExecutionId = call.input.id("targetPipelineExecutionId")?;
    let id = call.web.control.rollback(&pipeline, &stage, Some(target), &call.by).await?;
    call.answer(&Started { pipeline_execution_id: id })
}

pub(crate) async fn disable(call: Call<'_>) -> Answer {
    let (pipeline, stage) = inbound(&call)?;
    call.input.required_text("reason")?;
    let reason = call.input.text_within("reason", 300)?.unwrap_or_default();
    call.web.control.disable(&pipeline, &stage, reason, &call.by).await?;
    call.done()
}

pub(crate) async fn enable(call: Call<'_>) -> Answer {
    let (pipeline, stage) = inbound(&call)?;
    call.web.control.enable(&pipeline, &stage).await?;
    call.done()
}

fn named(call: &Call<'_>) -> Result<(PipelineName, StageName), ApiError> {
    Ok((call.input.id("pipelineName")?, call.input.id("stageName")?))
}

fn inbound(call: &Call<'_>) -> Result<(PipelineName, StageName), ApiError> {
    let inbound = call.input.one_of("transitionType", &[("Inbound", true), ("Outbound", false)])?;
    if !inbound {
        return Err(ApiError::validation(
            "only Inbound transitions exist here; disable the inbound transition of the next stage instead",
        ));
    }
    named(call)
}

/// The model of some operations has no exception for an execution that does not exist.
fn unknown_execution(code: &'static str) -> impl Fn(penstock_app::error::AppError) -> ApiError {
    move |error| {
        let error = ApiError::from(error);
        if error.code() == "PipelineExecutionNotFoundException" {
            ApiError::new(code, error.message())
        } else {
            error
        }
    }
}
