//! Where a stage and an action stand, as people are told it: the engine's statuses, and what is before them.

use std::fmt;

use penstock_engine::state::{AttemptStatus, StageStatus};
use serde::{Deserialize, Serialize};

/// Where a stage of an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StageStanding {
    /// The execution has not come to it.
    NotStarted,
    /// The execution waits before it.
    Waiting,
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
    /// Ended because its pipeline no longer takes it.
    Cancelled,
    /// Passed over by a condition.
    Skipped,
}

impl StageStanding {
    /// The word, as it is serialised.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotStarted => "NotStarted",
            Self::Waiting => "Waiting",
            Self::InProgress => "InProgress",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Skipped => "Skipped",
        }
    }
}

impl From<StageStatus> for StageStanding {
    fn from(status: StageStatus) -> Self {
        match status {
            StageStatus::InProgress => Self::InProgress,
            StageStatus::Stopping => Self::Stopping,
            StageStatus::Stopped => Self::Stopped,
            StageStatus::Succeeded => Self::Succeeded,
            StageStatus::Failed => Self::Failed,
            StageStatus::Cancelled => Self::Cancelled,
            StageStatus::Skipped => Self::Skipped,
        }
    }
}

impl fmt::Display for StageStanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where an action of an execution stands (`CodePipeline` API, `ActionExecutionStatus`, and before it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActionStanding {
    /// No attempt has been scheduled.
    NotStarted,
    /// Scheduled, under way, or a person is asked.
    InProgress,
    /// Done.
    Succeeded,
    /// Failed, timed out, expired, rejected or interrupted.
    Failed,
    /// Given up by a stop that abandons.
    Abandoned,
}

impl ActionStanding {
    /// The word, as it is serialised.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotStarted => "NotStarted",
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Abandoned => "Abandoned",
        }
    }
}

impl From<AttemptStatus> for ActionStanding {
    fn from(status: AttemptStatus) -> Self {
        match status {
            AttemptStatus::Scheduled | AttemptStatus::InProgress => Self::InProgress,
            AttemptStatus::Succeeded => Self::Succeeded,
            AttemptStatus::Failed => Self::Failed,
            AttemptStatus::Abandoned => Self::Abandoned,
        }
    }
}

impl fmt::Display for ActionStanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use penstock_engine::state::ExecutionStatus;

    use super::*;

    /// The words are fixed: scripts read them from `--format json` and from the API.
    #[test]
    fn the_words_are_those_that_are_serialised() {
        let words = |json: &str| -> Vec<String> { serde_json::from_str(json).unwrap() };
        let executions =
            r#"["InProgress","Stopping","Stopped","Succeeded","Failed","Superseded","Cancelled"]"#;
        let read: Vec<ExecutionStatus> = serde_json::from_str(executions).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), executions);
        assert_eq!(read.iter().map(ToString::to_string).collect::<Vec<_>>(), words(executions));
        let stages = r#"["NotStarted","Waiting","InProgress","Stopping","Stopped","Succeeded","Failed","Cancelled","Skipped"]"#;
        let read: Vec<StageStanding> = serde_json::from_str(stages).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), stages);
        assert_eq!(read.iter().map(ToString::to_string).collect::<Vec<_>>(), words(stages));
        let actions = r#"["NotStarted","InProgress","Succeeded","Failed","Abandoned"]"#;
        let read: Vec<ActionStanding> = serde_json::from_str(actions).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), actions);
        assert_eq!(read.iter().map(ToString::to_string).collect::<Vec<_>>(), words(actions));
    }

    #[test]
    fn the_engines_statuses_keep_their_words() {
        for status in [
            StageStatus::InProgress,
            StageStatus::Stopping,
            StageStatus::Stopped,
            StageStatus::Succeeded,
            StageStatus::Failed,
            StageStatus::Cancelled,
            StageStatus::Skipped,
        ] {
            assert_eq!(StageStanding::from(status).as_str(), format!("{status:?}"));
        }
        assert_eq!(ActionStanding::from(AttemptStatus::Scheduled), ActionStanding::InProgress);
    }
}
