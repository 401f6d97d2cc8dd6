//! What a person needs to see of a failure: what failed, the end of its log, and where the rest is.

use console::style;
use penstock_app::engine::state::ErrorCode;
use penstock_app::view::{ActionStanding, ActionView, ExecutionView, StageView};
use penstock_model::id::AttemptId;

use super::clean::clean;
use super::glyph::Look;
use crate::reach::Reach;
use crate::tail::{NARRATION, last_lines};

/// How many lines of a failed action's log are shown.
const LINES: usize = 15;
/// How a line begins that says where the rest is; a message may have one already.
const WHOLE_LOG: &str = "the whole log:";

/// The lines about every action of `view` that failed.
pub(crate) async fn lines(reach: &dyn Reach, view: &ExecutionView) -> Vec<String> {
    let mut lines = vec![];
    for stage in &view.stages {
        for action in stage.actions.iter().filter(|action| action.status == ActionStanding::Failed) {
            lines.push(String::new());
            lines.extend(of_action(reach, view, stage, action).await);
        }
    }
    lines
}

async fn of_action(
    reach: &dyn Reach,
    view: &ExecutionView,
    stage: &StageView,
    action: &ActionView,
) -> Vec<String> {
    let attempt = view.attempt_id(stage, action);
    let said = action.summary.as_deref().unwrap_or_default();
    let mut said = said.lines().filter(|line| !line.starts_with(WHOLE_LOG)).map(clean);
    let code = action.error_code.as_ref().map_or("Failed", ErrorCode::as_str);
    let message = said.next().unwrap_or_default();
    let sign = Look::Bad.sign(None);
    let mut lines = vec![format!("{sign} {}/{}: {code}: {message}", stage.name, action.name)];
    let mut details: Vec<String> = said.collect();
    if details.is_empty() {
        // A log that cannot be read must not hide the failure itself.
        details = last_lines(reach, &attempt, LINES * 4).await.unwrap_or_default();
        details.retain(|line| !line.starts_with(NARRATION));
        details.drain(..details.len().saturating_sub(LINES));
    }
    lines.extend(details.iter().map(|line| format!("  {} {line}", style("│").red())));
    if !details.is_empty() || has_log(reach, &attempt).await {
        lines.push(format!("  {} {}", style(WHOLE_LOG).dim(), reach.whole_log(&attempt)));
    }
    lines
}

async fn has_log(reach: &dyn Reach, attempt: &AttemptId) -> bool {
    reach.log(attempt, 0).await.is_ok_and(|part| !part.bytes.is_empty())
}
