//! State changes for other systems, in `CodePipeline`'s shape.

use async_trait::async_trait;
use penstock_model::id::PipelineName;
use penstock_model::time::Timestamp;
use serde_json::{Map, Value};

use super::PortError;

/// Takes state changes to an event bus.
#[async_trait]
pub trait StateChanges: Send + Sync {
    /// Sends all of `changes`; after an error some may have been sent.
    async fn send(&self, changes: &[StateChange]) -> Result<(), PortError>;
}

/// One change of state.
#[derive(Debug, Clone, PartialEq)]
pub struct StateChange {
    /// Of what.
    pub of: ChangeOf,
    /// The pipeline.
    pub pipeline: PipelineName,
    /// When.
    pub at: Timestamp,
    /// The members of the event's `detail`; an action's `region` is absent where it is the installation's.
    pub detail: Map<String, Value>,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeOf {
    /// An execution.
    Execution,
    /// A stage of one.
    Stage,
    /// An action of one.
    Action,
}

impl ChangeOf {
    /// The event's `detail-type` (`CodePipeline` user guide, "Monitoring `CodePipeline` events").
    pub fn detail_type(self) -> &'static str {
        match self {
            Self::Execution => "CodePipeline Pipeline Execution State Change",
            Self::Stage => "CodePipeline Stage Execution State Change",
            Self::Action => "CodePipeline Action Execution State Change",
        }
    }
}
