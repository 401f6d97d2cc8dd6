//! Why a command was not accepted, typed, so that each face (API, page, command line) can say it its way.

use penstock_model::id::{ActionName, ExecutionId, PipelineName, StageName};
use serde::{Deserialize, Serialize};

use crate::state::ExecutionStatus;

/// Why a command was not accepted. The message says what is so and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type")]
pub enum Rejection {
    /// No such pipeline.
    #[error("there is no pipeline `{pipeline}`; list the pipelines to see those there are")]
    PipelineNotFound {
        /// The name.
        pipeline: PipelineName,
    },
    /// Create of an existing pipeline.
    #[error("the pipeline `{pipeline}` exists already; update it instead")]
    PipelineNameInUse {
        /// The name.
        pipeline: PipelineName,
    },
    /// Somebody else defined the pipeline meanwhile.
    #[error("the pipeline was changed meanwhile; get it again and repeat the change")]
    DefinitionOutdated,
    /// Deleting while executions are open.
    #[error("{open} executions of the pipeline are open; stop them first")]
    ExecutionsOpen {
        /// How many.
        open: usize,
    },
    /// No such execution.
    #[error("there is no execution `{execution}` of this pipeline; its history has those there are")]
    ExecutionNotFound {
        /// The id.
        execution: ExecutionId,
    },
    /// No such stage.
    #[error("there is no stage `{stage}` in the pipeline; its definition has those there are")]
    StageNotFound {
        /// The name.
        stage: StageName,
    },
    /// No such action or attempt.
    #[error(
        "there is no action `{action}` in stage `{stage}` that this could be about; the execution's status shows those there are"
    )]
    ActionNotFound {
        /// The stage.
        stage: StageName,
        /// The action.
        action: ActionName,
    },
    /// 50 executions are active.
    #[error(
        "{limit} executions of the pipeline are active, which is the most a QUEUED or PARALLEL pipeline takes; stop one, or wait until one ends"
    )]
    TooManyExecutions {
        /// The limit.
        limit: usize,
    },
    /// A variable without default has no value, or a value is given for an undeclared one.
    #[error("variable `{name}`: {problem}")]
    Variable {
        /// Its name.
        name: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// An override names no source action.
    #[error("`{action}` is no source action of the pipeline; name one of its first stage")]
    NoSourceAction {
        /// The name.
        action: ActionName,
    },
    /// The approval was decided, expired or stopped.
    #[error("this approval has been settled: {outcome}")]
    ApprovalSettled {
        /// What became of it.
        outcome: String,
    },
    /// The action is no approval, or waits for none.
    #[error("`{action}` waits for no verdict; the pipeline's state shows which approvals do")]
    NoApproval {
        /// The action.
        action: ActionName,
    },
    /// The stage did not fail, or nothing of it can be retried.
    #[error("stage `{stage}` cannot be retried: {reason}")]
    NotRetryable {
        /// The stage.
        stage: StageName,
        /// Why.
        reason: String,
    },
    /// Another execution has entered the stage since.
    #[error(
        "stage `{stage}` has been entered by execution {latest} since, and only the latest there can be retried; retry that one, or start a new one"
    )]
    NotLatest {
        /// The stage.
        stage: StageName,
        /// The latest.
        latest: ExecutionId,
    },
    /// The target cannot be brought back.
    #[error("stage `{stage}` cannot be rolled back: {reason}")]
    NotRollbackable {
        /// The stage.
        stage: StageName,
        /// Why.
        reason: String,
    },
    /// The execution has ended.
    #[error("the execution cannot be stopped: it is {status}")]
    NotStoppable {
        /// Its status.
        status: ExecutionStatus,
    },
    /// A stop of the same kind was asked for already.
    #[error(
        "the execution is being stopped already; stop it again and abandon its running actions to have it end sooner"
    )]
    StopRequestedAlready,
    /// A text is too long or a value is outside its range.
    #[error("{problem}")]
    Invalid {
        /// What is wrong and what to do.
        problem: String,
    },
    /// A report on an attempt that is not the latest of its action, or has ended: nothing to do.
    #[error("the report is about an attempt that is settled")]
    Stale,
}
