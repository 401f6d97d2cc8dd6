//! What is asked of a pipeline. A command may be rejected; the same id again is the same command.

use std::collections::BTreeMap;

use penstock_model::artifact::{Artifact, Revision};
use penstock_model::id::{AttemptId, CommandId, DefinitionVersion, ExecutionId, PipelineName, StageName};
use penstock_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::state::{AttemptError, External, RevisionOverride, TriggerCause};

/// A request to one pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Command {
    /// The command's id: an idempotency key.
    pub id: CommandId,
    /// The pipeline.
    pub pipeline: PipelineName,
    /// What is asked.
    pub request: Request,
}

/// What is asked of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type")]
pub enum Request {
    /// Make `version` the latest definition; `decide` is handed it among the definitions.
    Define {
        /// One more than the latest.
        version: DefinitionVersion,
        /// Create refuses an existing pipeline, update a missing one.
        mode: DefineMode,
    },
    /// Delete the pipeline; refused while executions are open.
    Delete,
    /// Start an execution.
    Start {
        /// The execution's id, which follows from the command's id.
        execution: ExecutionId,
        /// What started it.
        trigger: TriggerCause,
        /// Values for pipeline-level variables.
        variables: BTreeMap<String, String>,
        /// Source revisions to use instead of the latest.
        overrides: Vec<RevisionOverride>,
    },
    /// A worker's report on an attempt.
    Report {
        /// The attempt.
        attempt: AttemptId,
        /// What became of it.
        report: Report,
    },
    /// A person's verdict on an approval.
    Decide {
        /// The approval's attempt.
        attempt: AttemptId,
        /// Approved or rejected.
        approved: bool,
        /// Who decides.
        by: String,
        /// What they say, at most 512 characters.
        comment: String,
    },
    /// Run a failed stage of an execution again.
    Retry {
        /// The execution.
        execution: ExecutionId,
        /// The stage.
        stage: StageName,
        /// Which of its actions.
        actions: RetryActions,
    },
    /// Run a stage again with an earlier execution's revisions, as a new execution.
    Rollback {
        /// The new execution's id.
        execution: ExecutionId,
        /// The stage.
        stage: StageName,
        /// The earlier execution.
        target: ExecutionId,
        /// Who asked.
        trigger: TriggerCause,
    },
    /// Stop an execution.
    Stop {
        /// The execution.
        execution: ExecutionId,
        /// Whether running actions are abandoned instead of waited for.
        abandon: bool,
        /// Why, at most 200 characters.
        reason: String,
        /// Who asked.
        by: String,
    },
    /// Close the inbound transition of a stage.
    Disable {
        /// The stage.
        stage: StageName,
        /// Why, at most 300 characters.
        reason: String,
        /// Who asked.
        by: String,
    },
    /// Open the inbound transition of a stage.
    Enable {
        /// The stage.
        stage: StageName,
    },
    /// Let the artifacts of old executions be removed; whoever needs them later is refused.
    Release {
        /// Of the executions with a smaller admission number ...
        below: u64,
        /// ... except these, with their admission numbers. What is open or a stage's last success is kept anyway.
        keep: BTreeMap<ExecutionId, u64>,
        /// When this was found out; too long ago, nothing happens.
        planned_at: Timestamp,
    },
    /// Time has passed: carry out what has become due.
    WakeUp,
}

impl Request {
    /// The person or program that asks, where it says.
    pub fn by(&self) -> Option<&str> {
        match self {
            Self::Start { trigger, .. } | Self::Rollback { trigger, .. } => Some(&trigger.detail),
            Self::Decide { by, .. } | Self::Stop { by, .. } | Self::Disable { by, .. } => Some(by),
            Self::Define { .. }
            | Self::Delete
            | Self::Report { .. }
            | Self::Retry { .. }
            | Self::Enable { .. }
            | Self::Release { .. }
            | Self::WakeUp => None,
        }
    }
}

/// Whether a definition creates a pipeline or changes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DefineMode {
    /// Refuses an existing pipeline.
    Create,
    /// Refuses a missing one.
    Update,
}

/// Which actions a retry runs again (`CodePipeline` API, `StageRetryMode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RetryActions {
    /// Those that did not succeed.
    FailedActions,
    /// All of the stage.
    AllActions,
}

/// What a worker says of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type")]
pub enum Report {
    /// A provider took it up.
    Started {
        /// The provider's id of the work.
        external: Option<External>,
        /// When the work began, where that was before the report.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        started_at: Option<Timestamp>,
    },
    /// It runs still; observed at the provider.
    Running,
    /// It ended well.
    Succeeded(Box<Success>),
    /// It ended badly; also the end of work that was cancelled.
    Failed {
        /// Why.
        error: AttemptError,
        /// The provider's id of the work, if it was begun.
        external: Option<External>,
    },
    /// Its worker died and its old processes are gone: it is attempted again as a new attempt.
    Interrupted {
        /// What is known of it.
        message: String,
    },
    /// Its cancellation is confirmed: nothing of it runs any more.
    Cancelled,
}

/// What a successful attempt hands on. Its output variables were written under its id before the report.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Success {
    /// The artifacts.
    pub artifacts: Vec<Artifact>,
    /// Whether output variables were written.
    pub has_variables: bool,
    /// The revision that a source action pinned.
    pub revision: Option<Revision>,
    /// The provider's id of the work.
    pub external: Option<External>,
    /// What a person reads in one line.
    pub summary: Option<String>,
    /// When it was taken up, where it was not reported before.
    pub started_at: Option<Timestamp>,
}

impl Request {
    /// The execution that the request names, if any: it is loaded even when it is closed.
    pub fn named(&self) -> Vec<&ExecutionId> {
        match self {
            Self::Define { .. }
            | Self::Delete
            | Self::Disable { .. }
            | Self::Enable { .. }
            | Self::Release { .. }
            | Self::WakeUp => vec![],
            Self::Start { execution, .. } | Self::Retry { execution, .. } | Self::Stop { execution, .. } => {
                vec![execution]
            }
            Self::Report { attempt, .. } | Self::Decide { attempt, .. } => vec![&attempt.execution],
            Self::Rollback { execution, target, .. } => vec![execution, target],
        }
    }
}
