//! Accepts a command or says why not: one file a command. What follows from it is planned, not done here.

mod admit;
mod define;
mod delete;
mod release;
mod report;
mod retry;
mod rollback;
mod start;
mod stop;
mod transition;
mod verdict;

use penstock_model::id::{ExecutionId, PipelineName};

use crate::command::{Command, Request};
use crate::draft::Draft;
use crate::rejection::Rejection;
use crate::state::{Execution, PipelineState};

/// Records what `command` asks for.
///
/// # Errors
/// The reason why it is not accepted; then nothing was recorded.
pub(crate) fn accept(draft: &mut Draft<'_>, command: &Command) -> Result<(), Rejection> {
    let name = &command.pipeline;
    match &command.request {
        Request::Define { version, mode } => define::define(draft, name, *version, *mode),
        Request::Delete => delete::delete(draft, name),
        Request::Start { execution, trigger, variables, overrides } => {
            start::start(draft, name, &start::Start { id: execution, trigger, variables, overrides })
        }
        Request::Report { attempt, report } => report::report(draft, attempt, report),
        Request::Decide { attempt, approved, by, comment } => {
            verdict::decide(draft, attempt, *approved, by, comment)
        }
        Request::Retry { execution, stage, actions } => retry::retry(draft, name, execution, stage, *actions),
        Request::Rollback { execution, stage, target, trigger } => {
            rollback::rollback(draft, name, &rollback::Rollback { id: execution, stage, target, trigger })
        }
        Request::Stop { execution, abandon, reason, by } => {
            stop::stop(draft, execution, *abandon, reason, by)
        }
        Request::Disable { stage, reason, by } => transition::disable(draft, name, stage, reason, by),
        Request::Enable { stage } => transition::enable(draft, name, stage),
        Request::Release { below, keep, planned_at } => {
            release::release(draft, name, *below, keep, *planned_at)
        }
        Request::WakeUp => Ok(()),
    }
}

/// The pipeline's item, if there is one that was not deleted.
fn existing<'a>(draft: &'a Draft<'_>, name: &PipelineName) -> Result<&'a PipelineState, Rejection> {
    let pipeline = draft.state.pipeline.as_deref().filter(|pipeline| !pipeline.deleted);
    pipeline.ok_or_else(|| Rejection::PipelineNotFound { pipeline: name.clone() })
}

fn execution<'a>(draft: &'a Draft<'_>, id: &ExecutionId) -> Result<&'a Execution, Rejection> {
    draft.execution(id).ok_or_else(|| Rejection::ExecutionNotFound { execution: id.clone() })
}

/// Checks the length of what a person wrote.
fn at_most(limit: usize, what: &str, text: &str) -> Result<(), Rejection> {
    let length = text.chars().count();
    if length <= limit {
        return Ok(());
    }
    let problem = format!("the {what} has {length} characters, and at most {limit} are kept; shorten it");
    Err(Rejection::Invalid { problem })
}
