//! Operations by name: those that are served, and what to do instead of those that are not.

use serde::Serialize;

use super::error::ApiError;
use super::input::Input;
use super::protocol::Protocol;
use super::{actions, approvals, definitions, executions, jobs, stages, state};
use crate::Web;

/// One request under way.
pub(crate) struct Call<'a> {
    /// What answers it.
    pub(crate) web: &'a Web,
    /// How the answer is written.
    pub(crate) protocol: Protocol,
    /// Who asks.
    pub(crate) by: String,
    /// The operation's members.
    pub(crate) input: Input<'a>,
}

/// The body of an answer.
pub(crate) type Answer = Result<Vec<u8>, ApiError>;

impl Call<'_> {
    /// The answer `output`.
    pub(crate) fn answer(&self, output: &impl Serialize) -> Answer {
        self.protocol.write(output)
    }

    /// The answer of an operation without output.
    pub(crate) fn done(&self) -> Answer {
        Ok(Vec::new())
    }
}

/// Carries out the operation called `name`.
pub(crate) async fn carry_out(call: Call<'_>, name: &str) -> Answer {
    match name {
        "CreatePipeline" => definitions::create(call).await,
        "UpdatePipeline" => definitions::update(call).await,
        "GetPipeline" => definitions::get(call).await,
        "DeletePipeline" => definitions::delete(call).await,
        "ListPipelines" => definitions::list(call).await,
        "ListTagsForResource" => definitions::tags(call).await,
        "StartPipelineExecution" => executions::start(call).await,
        "StopPipelineExecution" => executions::stop(call).await,
        "GetPipelineExecution" => executions::get(call).await,
        "ListPipelineExecutions" => executions::list(call).await,
        "GetPipelineState" => state::get(call).await,
        "ListActionExecutions" => actions::list(call).await,
        "ListRuleExecutions" => actions::rules(call).await,
        "PutApprovalResult" => approvals::put(call).await,
        "PutJobSuccessResult" => jobs::succeed(call).await,
        "PutJobFailureResult" => jobs::fail(call).await,
        "GetJobDetails" => jobs::details(call).await,
        "RetryStageExecution" => stages::retry(call).await,
        "RollbackStage" => stages::rollback(call).await,
        "DisableStageTransition" => stages::disable(call).await,
        "EnableStageTransition" => stages::enable(call).await,
        other => Err(not_served(other)),
    }
}

/// What to do instead of an operation that is not served.
fn not_served(name: &str) -> ApiError {
    let instead = match name {
        "PutWebhook"
        | "DeleteWebhook"
        | "ListWebhooks"
        | "RegisterWebhookWithThirdParty"
        | "DeregisterWebhookWithThirdParty" => {
            "let GitHub deliver to POST /webhooks/github, which needs no registration"
        }
        "OverrideStageCondition" | "ListRuleTypes" => {
            "stages have no conditions here yet; remove them from the definition"
        }
        "PutActionRevision" => "start an execution with StartPipelineExecution and sourceRevisions",
        "TagResource" | "UntagResource" => {
            "tags are not kept here; name what you need in the pipeline's name or its variables"
        }
        "ListActionTypes"
        | "GetActionType"
        | "CreateCustomActionType"
        | "DeleteCustomActionType"
        | "UpdateActionType" => {
            "action types are fixed here; `penstock check FILE` says whether a definition's actions can be performed"
        }
        "AcknowledgeJob"
        | "PollForJobs"
        | "AcknowledgeThirdPartyJob"
        | "GetThirdPartyJobDetails"
        | "PollForThirdPartyJobs"
        | "PutThirdPartyJobFailureResult"
        | "PutThirdPartyJobSuccessResult" => {
            "there are no job workers here but invoked Lambda functions; perform the action with a Commands or CodeBuild action"
        }
        "ListDeployActionExecutionTargets" => "read the deployment's targets in its log (`penstock logs`)",
        _ => return unknown(name),
    };
    ApiError::unknown_operation(format!("{name} is not served here: {instead}"))
}

fn unknown(name: &str) -> ApiError {
    let name: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
    ApiError::unknown_operation(format!(
        "CodePipeline's API has no operation `{name}`; check its spelling against the API reference"
    ))
}
