//! How a status looks and reads: a word, and a tone that says the same by colour and shape.

use maud::{Markup, html};
use penstock_app::engine::state::ExecutionStatus;
use penstock_app::view::{ActionStanding, StageStanding};

/// Whatever is shown with a tone.
#[derive(Clone, Copy)]
pub(super) enum Shown {
    Execution(ExecutionStatus),
    Stage(StageStanding),
    Action(ActionStanding),
    /// An approval that waits for a person.
    Asking,
}

impl From<ExecutionStatus> for Shown {
    fn from(status: ExecutionStatus) -> Self {
        Self::Execution(status)
    }
}

impl From<StageStanding> for Shown {
    fn from(status: StageStanding) -> Self {
        Self::Stage(status)
    }
}

impl From<ActionStanding> for Shown {
    fn from(status: ActionStanding) -> Self {
        Self::Action(status)
    }
}

/// The class of a status' tone.
pub(super) fn of(status: impl Into<Shown>) -> &'static str {
    match status.into() {
        Shown::Execution(ExecutionStatus::Succeeded)
        | Shown::Stage(StageStanding::Succeeded)
        | Shown::Action(ActionStanding::Succeeded) => "good",
        Shown::Execution(ExecutionStatus::Failed)
        | Shown::Stage(StageStanding::Failed)
        | Shown::Action(ActionStanding::Failed) => "bad",
        Shown::Execution(ExecutionStatus::InProgress)
        | Shown::Stage(StageStanding::InProgress)
        | Shown::Action(ActionStanding::InProgress) => "busy",
        Shown::Execution(ExecutionStatus::Stopping)
        | Shown::Stage(StageStanding::Stopping | StageStanding::Waiting)
        | Shown::Asking => "wait",
        Shown::Execution(
            ExecutionStatus::Stopped | ExecutionStatus::Superseded | ExecutionStatus::Cancelled,
        )
        | Shown::Stage(
            StageStanding::NotStarted
            | StageStanding::Stopped
            | StageStanding::Cancelled
            | StageStanding::Skipped,
        )
        | Shown::Action(ActionStanding::NotStarted | ActionStanding::Abandoned) => "idle",
    }
}

/// A status in words.
pub(super) fn word(status: impl Into<Shown>) -> &'static str {
    match status.into() {
        Shown::Execution(ExecutionStatus::InProgress)
        | Shown::Stage(StageStanding::InProgress)
        | Shown::Action(ActionStanding::InProgress) => "In progress",
        Shown::Stage(StageStanding::NotStarted) | Shown::Action(ActionStanding::NotStarted) => "Not started",
        Shown::Asking => "Waits for a verdict",
        Shown::Execution(status) => status.as_str(),
        Shown::Stage(status) => status.as_str(),
        Shown::Action(status) => status.as_str(),
    }
}

/// A status as a pill.
pub(super) fn pill(status: impl Into<Shown>) -> Markup {
    let status = status.into();
    html! { span class={ "pill " (of(status)) } { (word(status)) } }
}
