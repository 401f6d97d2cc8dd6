//! What a person needs to see of a failure: what failed, the end of its log, and where the rest is.

use console::style;
use penstock_app::view::{ActionView, ExecutionView, StageView};
use penstock_model::id::AttemptId;

use super::clean::clean;
use super::glyph::{Look, look};
use crate::reach::Reach;
use crate::tail::last_lines;

/// How many lines of a failed action's log are shown.
const LINES: usize = 15;

/// The lines about every action of `view` that failed.
pub(crate) async fn lines(reach: &dyn Reach, view: &ExecutionView) -> Vec<String> {
    let mut lines = vec![];
    for stage in &view.stages {
        for action in stage
            .actions
            .iter()
            .filter(|action| look(&action.status) == Look::Bad)
        {
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
    let attempt = AttemptId {
        execution: view.execution_id.clone(),
        stage: stage.name.clone(),
        action: action.name.clone(),
        number: action.attempt,
    };
    let code = action.error_code.as_deref().unwrap_or("Failed");
    let message = action.summary.as_deref().map(clean).unwrap_or_default();
    let mut lines = vec![format!(
        "{} {}/{}: {code}: {message}",
        Look::Bad.sign(None),
        stage.name,
        action.name
    )];
    // A log that cannot be read must not hide the failure itself.
    let tail = last_lines(reach, &attempt, LINES).await.unwrap_or_default();
    if !tail.is_empty() {
        lines.extend(tail.iter().map(|line| format!("  {} {line}", style("│").red())));
        lines.push(format!(
            "  {} {}",
            style("the whole log:").dim(),
            reach.whole_log(&attempt)
        ));
    }
    lines
}
