//! One sign and one colour for each status.

use console::{StyledObject, style};
use penstock_app::engine::state::ExecutionStatus;
use penstock_app::view::{ActionStanding, ActionView, StageStanding, StageView};
use penstock_model::pipeline::Category;

/// Turning signs for what is under way.
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// What a status looks like; one look for stages, actions and executions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Not yet begun.
    Idle,
    /// Waits for its turn.
    Waiting,
    /// Waits for a person.
    Asking,
    /// Under way.
    Busy,
    /// Done.
    Good,
    /// Failed.
    Bad,
    /// Ended without a result: stopped, superseded, abandoned, skipped.
    Over,
}

/// The look of a status of the views.
pub(crate) fn look(status: impl Into<Look>) -> Look {
    status.into()
}

impl From<ExecutionStatus> for Look {
    fn from(status: ExecutionStatus) -> Self {
        match status {
            ExecutionStatus::InProgress | ExecutionStatus::Stopping => Self::Busy,
            ExecutionStatus::Succeeded => Self::Good,
            ExecutionStatus::Failed => Self::Bad,
            ExecutionStatus::Stopped | ExecutionStatus::Superseded | ExecutionStatus::Cancelled => Self::Over,
        }
    }
}

impl From<StageStanding> for Look {
    fn from(status: StageStanding) -> Self {
        match status {
            StageStanding::NotStarted => Self::Idle,
            StageStanding::Waiting => Self::Waiting,
            StageStanding::InProgress | StageStanding::Stopping => Self::Busy,
            StageStanding::Succeeded => Self::Good,
            StageStanding::Failed => Self::Bad,
            StageStanding::Stopped | StageStanding::Cancelled | StageStanding::Skipped => Self::Over,
        }
    }
}

impl From<ActionStanding> for Look {
    fn from(status: ActionStanding) -> Self {
        match status {
            ActionStanding::NotStarted => Self::Idle,
            ActionStanding::InProgress => Self::Busy,
            ActionStanding::Succeeded => Self::Good,
            ActionStanding::Failed => Self::Bad,
            ActionStanding::Abandoned => Self::Over,
        }
    }
}

/// The look of an action: an approval under way asks a person.
pub(crate) fn of_action(action: &ActionView) -> Look {
    let look = look(action.status);
    if look == Look::Busy && action.category == Category::Approval { Look::Asking } else { look }
}

/// The look of a stage: it asks if one of its actions does and none is busy.
pub(crate) fn of_stage(stage: &StageView) -> Look {
    let looks = || stage.actions.iter().map(of_action);
    let look = look(stage.status);
    let asks = looks().any(|action| action == Look::Asking) && !looks().any(|action| action == Look::Busy);
    if look == Look::Busy && asks { Look::Asking } else { look }
}

impl Look {
    /// Its sign; `frame` counts up while it is drawn live, and is 0 for a still picture.
    pub(crate) fn sign(self, frame: Option<usize>) -> StyledObject<&'static str> {
        match self {
            Self::Idle => style("·").dim(),
            Self::Waiting => style("◦").yellow(),
            Self::Asking => style("?").yellow().bold(),
            Self::Busy => style(frame.map_or("●", |frame| SPINNER[frame % SPINNER.len()])).cyan(),
            Self::Good => style("✔").green(),
            Self::Bad => style("✘").red().bold(),
            Self::Over => style("■").yellow(),
        }
    }

    /// `text` in its colour.
    pub(crate) fn paint<T>(self, text: T) -> StyledObject<T> {
        match self {
            Self::Idle => style(text).dim(),
            Self::Waiting | Self::Asking | Self::Over => style(text).yellow(),
            Self::Busy => style(text).cyan(),
            Self::Good => style(text).green(),
            Self::Bad => style(text).red().bold(),
        }
    }
}

/// A status word as it stands in a sentence: `InProgress` as `in progress`.
pub(crate) fn words(status: &str) -> String {
    let mut words = String::new();
    for c in status.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_words_read_as_words() {
        assert_eq!(words("InProgress"), "in progress");
        assert_eq!(words("Succeeded"), "succeeded");
    }
}
