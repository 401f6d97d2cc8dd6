//! What has become of a deployment: as a whole, on each instance, at each lifecycle event.

use serde::{Deserialize, Serialize};

use crate::deployment::{Creator, DeploymentId};
use crate::lifecycle::{IN_PLACE, LifecycleEvent};

/// A deployment's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The deployment.
    pub deployment: DeploymentId,
    /// Who started it.
    pub creator: Creator,
    /// What has become of it.
    pub status: DeploymentStatus,
    /// Why it failed or was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorInformation>,
    /// Its instances, in the order of the deployment.
    pub targets: Vec<Target>,
    /// The failed deployment that this one rolls back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_of: Option<DeploymentId>,
    /// The deployment whose revision this one brings back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision_of: Option<DeploymentId>,
    /// The deployment that rolls this one back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Box<Outcome>>,
}

impl Outcome {
    /// Whether it succeeded by itself, without a rollback.
    pub fn succeeded(&self) -> bool {
        self.status == DeploymentStatus::Succeeded
    }

    /// One line for a person: the status, how many instances succeeded, and why not all.
    pub fn summary(&self) -> String {
        let succeeded = self.targets.iter().filter(|target| target.status == TargetStatus::Succeeded).count();
        let mut text =
            format!("{:?}, {succeeded} of {} instances succeeded", self.status, self.targets.len());
        if let Some(why) = self.why_not() {
            text += &format!("; {why}");
        }
        if let Some(rollback) = &self.rollback {
            text += &format!("; rolled back by {}: {:?}", rollback.deployment, rollback.status);
        }
        text
    }

    /// The first failure, for a person: event, instance and message.
    pub(crate) fn why_not(&self) -> Option<String> {
        let (target, event) = self.first_failure()?;
        let message = event.diagnostics.as_ref().map_or("", |diagnostics| &diagnostics.message);
        Some(format!("{} on {}: {message}", event.event, target.instance))
    }

    /// The first event that failed, with its instance: what a person wants to see first.
    pub fn first_failure(&self) -> Option<(&Target, &EventRecord)> {
        self.targets.iter().find_map(|target| {
            let failed = target.events.iter().find(|event| event.status == EventStatus::Failed)?;
            Some((target, failed))
        })
    }
}

/// A deployment's status (`CodeDeploy` API, `DeploymentStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeploymentStatus {
    /// Under way, or interrupted.
    InProgress,
    /// Enough instances succeeded.
    Succeeded,
    /// Too few instances succeeded.
    Failed,
    /// Somebody stopped it.
    Stopped,
}

impl DeploymentStatus {
    /// Whether it will not change any more.
    pub fn is_final(self) -> bool {
        self != Self::InProgress
    }
}

/// Why a deployment failed (`CodeDeploy` API, `ErrorInformation`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorInformation {
    /// A code of the API, such as `HEALTH_CONSTRAINTS`.
    pub code: String,
    /// What happened and what to do.
    pub message: String,
}

impl ErrorInformation {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    pub(crate) fn abandoned() -> Self {
        Self::new(
            "INTERNAL_ERROR",
            "it was interrupted, and another deployment began before it was gone on with",
        )
    }
}

/// What has become of a deployment on one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The instance.
    pub instance: String,
    /// The status as a whole.
    pub status: TargetStatus,
    /// Every lifecycle event in order.
    pub events: Vec<EventRecord>,
}

impl Target {
    /// An instance that has not begun.
    pub fn pending(instance: &str) -> Self {
        let events = IN_PLACE.into_iter().map(EventRecord::pending).collect();
        Self { instance: instance.into(), status: TargetStatus::Pending, events }
    }

    pub(crate) fn set(&mut self, event: LifecycleEvent, status: EventStatus) {
        if let Some(record) = self.events.iter_mut().find(|record| record.event == event) {
            record.status = status;
        }
    }

    /// An event is known to have begun.
    pub(crate) fn begin(&mut self, event: LifecycleEvent) {
        self.status = TargetStatus::InProgress;
        if let Some(record) = self.events.iter_mut().find(|record| record.event == event)
            && record.status == EventStatus::Pending
        {
            record.status = EventStatus::InProgress;
        }
    }

    /// Whether any script has ended well or badly.
    pub(crate) fn ran_scripts(&self) -> bool {
        self.events.iter().any(|record| record.scripts_done > 0 || record.diagnostics.is_some())
    }

    /// Everything that has not begun never will.
    pub(crate) fn skip_rest(&mut self) {
        for event in &mut self.events {
            if event.status == EventStatus::Pending {
                event.status = EventStatus::Skipped;
            }
        }
    }
}

/// An instance's status (`CodeDeploy` API, `TargetStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetStatus {
    /// Not begun.
    Pending,
    /// Under way, or interrupted.
    InProgress,
    /// All events succeeded.
    Succeeded,
    /// An event failed, or the deployment was stopped here.
    Failed,
    /// Never begun, because the deployment ended first.
    Skipped,
}

impl TargetStatus {
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Skipped)
    }
}

/// What has become of a lifecycle event on one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventRecord {
    /// The event.
    pub event: LifecycleEvent,
    /// Its status.
    pub status: EventStatus,
    /// How many of its scripts have ended well; an interrupted event goes on with the next one.
    #[serde(default)]
    pub scripts_done: usize,
    /// Milliseconds that it took, without interruptions.
    #[serde(default)]
    pub milliseconds: u64,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnostics: Option<Diagnostics>,
}

impl EventRecord {
    fn pending(event: LifecycleEvent) -> Self {
        Self { event, status: EventStatus::Pending, scripts_done: 0, milliseconds: 0, diagnostics: None }
    }
}

/// A lifecycle event's status (`CodeDeploy` API, `LifecycleEventStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventStatus {
    /// Not begun.
    Pending,
    /// Under way, or interrupted.
    InProgress,
    /// Ended well, or had nothing to do.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Never begun.
    Skipped,
}

/// Why a lifecycle event failed (`CodeDeploy` API, `Diagnostics`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostics {
    /// What kind of failure.
    pub error_code: ErrorCode,
    /// The script as the appspec names it; empty if none was at fault.
    pub script_name: String,
    /// What happened and what to do.
    pub message: String,
    /// The newest whole lines of the scripts' output, less than 2048 bytes.
    pub log_tail: String,
}

/// The agent's error codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorCode {
    /// The script is not in the revision.
    ScriptMissing = 1,
    /// The script could not be made executable, or not be started.
    ScriptNotExecutable = 2,
    /// The script was ended after its timeout.
    ScriptTimedOut = 3,
    /// The script ended with another exit code than 0, or by a signal.
    ScriptFailed = 4,
    /// Anything that is not a script's fault.
    UnknownError = 5,
    /// The script ended, but something that it started kept its output open until the timeout.
    OutputsLeftOpen = 6,
}
