//! What is stored of a pipeline and its executions: small, serialisable, replayable from events.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use penstock_model::artifact::Revision;
use penstock_model::id::{
    ActionName, AttemptId, DefinitionVersion, DeliveryId, ExecutionId, PipelineName, StageName,
};
use penstock_model::pipeline::{ExecutionMode, Pipeline};
use penstock_model::time::Timestamp;
use penstock_model::trigger::Reference;
use serde::{Deserialize, Serialize};

use crate::open_set::open_set;

mod attempt;

pub use attempt::{
    Attempt, AttemptError, AttemptStatus, Cancellation, CancellationCause, ErrorCode, External, MAX_ERROR,
    Verdict,
};

/// The schema number that stored items carry.
pub const SCHEMA: u32 = 1;

/// The definitions that the state pins, and the latest.
pub type Definitions = BTreeMap<DefinitionVersion, Arc<Pipeline>>;

/// All that a decision reads: the pipeline's item, its open executions, and each execution that the command or
/// the pipeline's item (a stage's last success) names, closed or not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// The pipeline's item; `None` before it is first defined.
    pub pipeline: Option<Arc<PipelineState>>,
    /// The executions by id.
    pub executions: BTreeMap<ExecutionId, Arc<Execution>>,
}

/// The pipeline's item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PipelineState {
    /// The schema number, [`SCHEMA`] when written by this release.
    pub schema: u32,
    /// The pipeline's name.
    pub name: PipelineName,
    /// The latest definition version, which new executions pin.
    pub definition: DefinitionVersion,
    /// Whether it was deleted; its history stays, and defining it anew revives it with the next version.
    #[serde(default)]
    pub deleted: bool,
    /// When it was first defined.
    pub created_at: Timestamp,
    /// When it was last defined.
    pub updated_at: Timestamp,
    /// The admission number that the next execution gets.
    pub next_sequence: u64,
    /// What is known of each stage that was ever defined, by name.
    #[serde(default)]
    pub stages: BTreeMap<StageName, StageState>,
    /// Whose artifacts may be removed.
    #[serde(default, skip_serializing_if = "Released::is_nothing")]
    pub released: Released,
    /// The source revisions of the execution that was admitted last with any, if polling found them: the webhook that
    /// comes late for them starts nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub polled: Vec<RevisionOverride>,
}

/// The executions whose artifacts may be removed: those admitted before one, except some. None is ever taken back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Released {
    /// The admission number of the first execution that is not among them.
    pub below: u64,
    /// Executions before it whose artifacts are still needed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub kept: BTreeSet<ExecutionId>,
}

impl Released {
    /// Whether the artifacts of the execution `id` with this admission number may be removed.
    pub fn contains(&self, id: &ExecutionId, sequence: u64) -> bool {
        sequence < self.below && !self.kept.contains(id)
    }

    /// Whether all artifacts are kept.
    pub fn is_nothing(&self) -> bool {
        self.below == 0
    }
}

/// What the pipeline's item knows of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageState {
    /// Set while the inbound transition is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<Disabled>,
    /// The execution that entered last; a retry of another one is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<ExecutionId>,
    /// The execution that last succeeded here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<ExecutionId>,
}

/// Why and by whom an inbound transition is disabled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    /// At most 300 characters.
    pub reason: String,
    /// Who did it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// An execution's item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// The schema number.
    pub schema: u32,
    /// Its id.
    pub id: ExecutionId,
    /// Its pipeline.
    pub pipeline: PipelineName,
    /// The definition version that it pins.
    pub definition: DefinitionVersion,
    /// The pipeline's mode when it was admitted.
    pub mode: ExecutionMode,
    /// Its admission number; newer executions have larger ones.
    pub sequence: u64,
    /// Whether it carries new revisions or brings earlier ones back.
    pub kind: ExecutionKind,
    /// What started it.
    pub trigger: TriggerCause,
    /// Its pipeline-level variables, defaults filled in.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Source revisions that the start asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<RevisionOverride>,
    /// The revisions that its source actions pinned.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revisions: BTreeMap<ActionName, Revision>,
    /// Where it stands as a whole.
    pub status: ExecutionStatus,
    /// Where in the pipeline it is.
    pub position: Position,
    /// The stop that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// When it was admitted.
    pub started_at: Timestamp,
    /// When it last reached a terminal status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// For a superseded one: by which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<ExecutionId>,
    /// The stages that it entered, in that order.
    #[serde(default)]
    pub stages: Vec<StageRun>,
    /// For a rollback: the target's stage runs before the stage that is run again, whose outputs apply here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inherited: Vec<StageRun>,
}

/// Whether an execution carries new revisions or brings earlier ones back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type")]
pub enum ExecutionKind {
    /// Through all stages.
    Standard,
    /// One stage again with the revisions of `target`.
    Rollback {
        /// The execution whose revisions it carries.
        target: ExecutionId,
        /// The only stage that it runs.
        stage: StageName,
    },
}

/// What started an execution (`CodePipeline` API, `ExecutionTrigger`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TriggerCause {
    /// What kind of cause.
    pub kind: TriggerKind,
    /// Who or what: a person's name, a repository with its branch and pusher.
    pub detail: String,
    /// The delivery, if a webhook or a source's event started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryId>,
    /// The branch or tag that it was about, where a commit of a repository set it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Box<Reference>>,
}

open_set! {
    /// What kind of cause started an execution (`CodePipeline` API, `TriggerType`).
    TriggerKind {
        /// A person, or a program in a person's name.
        StartPipelineExecution = "StartPipelineExecution",
        /// A code host's delivery.
        Webhook = "Webhook",
        /// Asking the code host, for a commit of which no delivery came.
        PollForSourceChanges = "PollForSourceChanges",
        /// An event of a service that says that a source has changed: an object was uploaded.
        CloudWatchEvent = "CloudWatchEvent",
        /// A person who brings back what an earlier execution carried.
        ManualRollback = "ManualRollback",
    }
}

/// A source revision that a start asked for (`CodePipeline` API, `SourceRevisionOverride`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevisionOverride {
    /// The source action.
    pub action: ActionName,
    /// What kind of revision.
    pub kind: RevisionKind,
    /// The revision.
    pub value: String,
}

open_set! {
    /// What names a source revision (`CodePipeline` API, `SourceRevisionType`).
    RevisionKind {
        /// A commit.
        CommitId = "COMMIT_ID",
        /// A container image's digest.
        ImageDigest = "IMAGE_DIGEST",
        /// A version of the object.
        S3ObjectVersionId = "S3_OBJECT_VERSION_ID",
        /// Another object.
        S3ObjectKey = "S3_OBJECT_KEY",
    }
}

/// Where an execution stands as a whole (`CodePipeline` API, `PipelineExecutionStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ExecutionStatus {
    /// Waiting or in a stage.
    InProgress,
    /// A stop was asked for and its running actions have not ended.
    Stopping,
    /// Stopped by a person.
    Stopped,
    /// Through all stages.
    Succeeded,
    /// An action failed.
    Failed,
    /// A newer execution took its place while it waited.
    Superseded,
    /// Ended because its pipeline no longer takes it: a status of `CodePipeline`'s to which no rule leads yet.
    Cancelled,
}

impl ExecutionStatus {
    /// Whether the execution moves no further by itself.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::InProgress | Self::Stopping => false,
            Self::Stopped | Self::Succeeded | Self::Failed | Self::Superseded | Self::Cancelled => true,
        }
    }

    /// The word, as it is serialised.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Superseded => "Superseded",
            Self::Cancelled => "Cancelled",
        }
    }
}

impl fmt::Display for ExecutionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where in the pipeline an execution is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "at")]
pub enum Position {
    /// Before a stage: it is occupied, closed, or others are first.
    Waiting {
        /// The stage that it wants to enter.
        stage: StageName,
        /// Since when.
        since: Timestamp,
    },
    /// In a stage, which it occupies.
    In {
        /// The stage.
        stage: StageName,
    },
    /// Nowhere: it has ended.
    Ended,
}

/// A stop that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Whether running actions are abandoned instead of waited for.
    pub abandon: bool,
    /// At most 200 characters.
    pub reason: String,
    /// Who asked.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl Stop {
    /// Who asked and why, as it follows `stopped`.
    pub fn in_words(&self) -> String {
        match self.reason.as_str() {
            "" => format!("by {}", self.by),
            reason => format!("by {}: {reason}", self.by),
        }
    }
}

/// One stage as one execution ran it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageRun {
    /// The stage.
    pub name: StageName,
    /// Where it stands.
    pub status: StageStatus,
    /// When it was entered.
    pub entered_at: Timestamp,
    /// When it last ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How often it was retried by hand.
    #[serde(default)]
    pub retries: u32,
    /// The latest attempt of each action that was begun.
    #[serde(default)]
    pub actions: BTreeMap<ActionName, Attempt>,
}

/// Where a stage of an execution stands (`CodePipeline` API, `StageExecutionStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StageStatus {
    /// Its actions run.
    InProgress,
    /// A stop was asked for.
    Stopping,
    /// Stopped.
    Stopped,
    /// All actions succeeded.
    Succeeded,
    /// An action failed.
    Failed,
    /// Ended because its pipeline no longer takes it: a status of `CodePipeline`'s to which no rule leads yet.
    Cancelled,
    /// Passed over by a condition: a status of `CodePipeline`'s to which no rule leads yet.
    Skipped,
}

impl Execution {
    /// The run of `stage`, if the execution entered it.
    pub fn stage(&self, stage: &StageName) -> Option<&StageRun> {
        self.stages.iter().find(|run| run.name == *stage)
    }

    /// The run of the stage that it is in.
    pub fn current(&self) -> Option<&StageRun> {
        match &self.position {
            Position::In { stage } => self.stage(stage),
            Position::Waiting { .. } | Position::Ended => None,
        }
    }

    /// The id of an attempt of its own.
    pub fn attempt_id(&self, stage: &StageName, action: &ActionName, number: u32) -> AttemptId {
        AttemptId { execution: self.id.clone(), stage: stage.clone(), action: action.clone(), number }
    }

    /// The attempt that `id` names, if it is the latest of its action.
    pub fn attempt(&self, id: &AttemptId) -> Option<&Attempt> {
        self.stage(&id.stage)?.actions.get(&id.action).filter(|attempt| attempt.number == id.number)
    }
}
