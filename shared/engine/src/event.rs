//! What happened. An event is a fact: `apply` takes every one, and replaying them gives the stored state.

use penstock_model::id::{AttemptId, DefinitionVersion, ExecutionId, PipelineName, StageName};
use penstock_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::command::{RetryActions, Success};
use crate::state::{
    AttemptError, Cancellation, Disabled, Execution, ExecutionStatus, External, Released, StageStatus, Stop,
    Verdict,
};

/// A fact with its moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub fact: Fact,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type")]
pub enum Fact {
    /// A definition version became the latest. Carries what the pipeline's item needs of it.
    Defined {
        /// The pipeline, for the first definition.
        pipeline: PipelineName,
        /// The version.
        version: DefinitionVersion,
        /// Its stages in order.
        stages: Vec<StageName>,
    },
    /// The pipeline was deleted.
    Deleted,
    /// A stage's inbound transition was closed.
    TransitionDisabled {
        /// The stage.
        stage: StageName,
        /// Why and by whom.
        disabled: Disabled,
    },
    /// A stage's inbound transition was opened.
    TransitionEnabled {
        /// The stage.
        stage: StageName,
    },
    /// The artifacts of executions may be removed from now on.
    ArtifactsReleased {
        /// All of which that is so, those from before included.
        released: Released,
    },
    /// An execution was admitted.
    ExecutionAdmitted {
        /// The execution as it begins.
        execution: Box<Execution>,
    },
    /// A stop was asked for.
    StopRequested {
        /// The execution.
        execution: ExecutionId,
        /// The stage that it was in; `None` between stages, and in what an earlier release recorded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stage: Option<StageName>,
        /// The stop.
        stop: Stop,
    },
    /// An execution waits before a stage.
    StageAwaited {
        /// The execution.
        execution: ExecutionId,
        /// The stage.
        stage: StageName,
    },
    /// An execution entered a stage.
    StageEntered {
        /// The execution.
        execution: ExecutionId,
        /// The stage.
        stage: StageName,
    },
    /// A failed stage is run again.
    StageRetried {
        /// The execution.
        execution: ExecutionId,
        /// The stage.
        stage: StageName,
        /// Which actions.
        actions: RetryActions,
    },
    /// A stage ended in an execution.
    StageEnded {
        /// The execution.
        execution: ExecutionId,
        /// The stage.
        stage: StageName,
        /// How.
        status: StageStatus,
    },
    /// An execution reached a terminal status.
    ExecutionEnded {
        /// The execution.
        execution: ExecutionId,
        /// How.
        status: ExecutionStatus,
        /// For a superseded one: by which.
        superseded_by: Option<ExecutionId>,
    },
    /// An attempt was scheduled.
    AttemptScheduled {
        /// The attempt.
        attempt: AttemptId,
        /// When it times out or expires.
        deadline: Timestamp,
        /// When it is sent again unless it is taken up.
        resend_at: Option<Timestamp>,
    },
    /// A provider took an attempt up, or a person is asked.
    AttemptStarted {
        /// The attempt.
        attempt: AttemptId,
        /// The provider's id of the work.
        external: Option<External>,
        /// When the provider is asked first.
        next_check_at: Option<Timestamp>,
        /// When the work began, where that was before this was told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        started_at: Option<Timestamp>,
    },
    /// A dispatch or cancellation was due to be sent again.
    AttemptResent {
        /// The attempt.
        attempt: AttemptId,
        /// When it is sent again next.
        resend_at: Timestamp,
    },
    /// The provider was asked and works on it still, or an observation became due.
    AttemptChecked {
        /// The attempt.
        attempt: AttemptId,
        /// When the provider is asked next.
        next_check_at: Timestamp,
    },
    /// A cancellation was asked for.
    AttemptCancelling {
        /// The attempt.
        attempt: AttemptId,
        /// The cancellation.
        cancellation: Cancellation,
        /// When it is sent again unless it is confirmed.
        resend_at: Option<Timestamp>,
    },
    /// A cancellation was confirmed, or its grace passed.
    CancellationSettled {
        /// The attempt.
        attempt: AttemptId,
        /// Whether the provider confirmed it.
        confirmed: bool,
    },
    /// A person decided.
    VerdictGiven {
        /// The approval's attempt.
        attempt: AttemptId,
        /// The verdict.
        verdict: Verdict,
    },
    /// An attempt succeeded.
    AttemptSucceeded {
        /// The attempt.
        attempt: AttemptId,
        /// What it hands on.
        success: Box<Success>,
    },
    /// An attempt failed, timed out, expired, was rejected or was interrupted.
    AttemptFailed {
        /// The attempt.
        attempt: AttemptId,
        /// Why.
        error: AttemptError,
        /// The provider's id of the work, if it was begun.
        external: Option<External>,
    },
    /// An attempt was given up by a stop that abandons.
    AttemptAbandoned {
        /// The attempt.
        attempt: AttemptId,
    },
}

/// The item that an event belongs to, which is also where its history lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// The pipeline's.
    Pipeline,
    /// An execution's.
    Execution(ExecutionId),
}

impl Fact {
    /// What kind of event it is, as it is stored.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Defined { .. } => "defined",
            Self::Deleted => "deleted",
            Self::TransitionDisabled { .. } => "transitionDisabled",
            Self::TransitionEnabled { .. } => "transitionEnabled",
            Self::ArtifactsReleased { .. } => "artifactsReleased",
            Self::ExecutionAdmitted { .. } => "executionAdmitted",
            Self::StopRequested { .. } => "stopRequested",
            Self::StageAwaited { .. } => "stageAwaited",
            Self::StageEntered { .. } => "stageEntered",
            Self::StageRetried { .. } => "stageRetried",
            Self::StageEnded { .. } => "stageEnded",
            Self::ExecutionEnded { .. } => "executionEnded",
            Self::AttemptScheduled { .. } => "attemptScheduled",
            Self::AttemptStarted { .. } => "attemptStarted",
            Self::AttemptResent { .. } => "attemptResent",
            Self::AttemptChecked { .. } => "attemptChecked",
            Self::AttemptCancelling { .. } => "attemptCancelling",
            Self::CancellationSettled { .. } => "cancellationSettled",
            Self::VerdictGiven { .. } => "verdictGiven",
            Self::AttemptSucceeded { .. } => "attemptSucceeded",
            Self::AttemptFailed { .. } => "attemptFailed",
            Self::AttemptAbandoned { .. } => "attemptAbandoned",
        }
    }

    /// The execution that it is about.
    pub fn execution(&self) -> Option<&ExecutionId> {
        match self {
            Self::Defined { .. }
            | Self::Deleted
            | Self::TransitionDisabled { .. }
            | Self::TransitionEnabled { .. }
            | Self::ArtifactsReleased { .. } => None,
            Self::ExecutionAdmitted { execution } => Some(&execution.id),
            Self::StopRequested { execution, .. }
            | Self::StageAwaited { execution, .. }
            | Self::StageEntered { execution, .. }
            | Self::StageRetried { execution, .. }
            | Self::StageEnded { execution, .. }
            | Self::ExecutionEnded { execution, .. } => Some(execution),
            Self::AttemptScheduled { .. }
            | Self::AttemptStarted { .. }
            | Self::AttemptResent { .. }
            | Self::AttemptChecked { .. }
            | Self::AttemptCancelling { .. }
            | Self::CancellationSettled { .. }
            | Self::VerdictGiven { .. }
            | Self::AttemptSucceeded { .. }
            | Self::AttemptFailed { .. }
            | Self::AttemptAbandoned { .. } => self.attempt().map(|attempt| &attempt.execution),
        }
    }

    /// The attempt that it is about.
    pub fn attempt(&self) -> Option<&AttemptId> {
        match self {
            Self::Defined { .. }
            | Self::Deleted
            | Self::TransitionDisabled { .. }
            | Self::TransitionEnabled { .. }
            | Self::ArtifactsReleased { .. }
            | Self::ExecutionAdmitted { .. }
            | Self::StopRequested { .. }
            | Self::StageAwaited { .. }
            | Self::StageEntered { .. }
            | Self::StageRetried { .. }
            | Self::StageEnded { .. }
            | Self::ExecutionEnded { .. } => None,
            Self::AttemptScheduled { attempt, .. }
            | Self::AttemptStarted { attempt, .. }
            | Self::AttemptResent { attempt, .. }
            | Self::AttemptChecked { attempt, .. }
            | Self::AttemptCancelling { attempt, .. }
            | Self::CancellationSettled { attempt, .. }
            | Self::VerdictGiven { attempt, .. }
            | Self::AttemptSucceeded { attempt, .. }
            | Self::AttemptFailed { attempt, .. }
            | Self::AttemptAbandoned { attempt } => Some(attempt),
        }
    }

    /// The stored items that it changes. The first is the one that it is about; an admission, an entry and a
    /// stage's success change the pipeline's item as well.
    pub fn items(&self) -> Vec<Item> {
        let Some(execution) = self.execution() else {
            return vec![Item::Pipeline];
        };
        let execution = Item::Execution(execution.clone());
        if self.changes_pipeline() { vec![execution, Item::Pipeline] } else { vec![execution] }
    }

    fn changes_pipeline(&self) -> bool {
        match self {
            Self::Defined { .. }
            | Self::Deleted
            | Self::TransitionDisabled { .. }
            | Self::TransitionEnabled { .. }
            | Self::ArtifactsReleased { .. }
            | Self::ExecutionAdmitted { .. }
            | Self::StageEntered { .. } => true,
            Self::StageEnded { status, .. } => *status == StageStatus::Succeeded,
            Self::StopRequested { .. }
            | Self::StageAwaited { .. }
            | Self::StageRetried { .. }
            | Self::ExecutionEnded { .. }
            | Self::AttemptScheduled { .. }
            | Self::AttemptStarted { .. }
            | Self::AttemptResent { .. }
            | Self::AttemptChecked { .. }
            | Self::AttemptCancelling { .. }
            | Self::CancellationSettled { .. }
            | Self::VerdictGiven { .. }
            | Self::AttemptSucceeded { .. }
            | Self::AttemptFailed { .. }
            | Self::AttemptAbandoned { .. } => false,
        }
    }
}
