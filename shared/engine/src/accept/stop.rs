//! An execution is stopped: its running actions are waited for, or abandoned.

use penstock_model::id::ExecutionId;

use super::{at_most, execution};
use crate::draft::Draft;
use crate::event::Fact;
use crate::rejection::Rejection;
use crate::state::Stop;

pub(super) fn stop(
    draft: &mut Draft<'_>,
    id: &ExecutionId,
    abandon: bool,
    reason: &str,
    by: &str,
) -> Result<(), Rejection> {
    let execution = execution(draft, id)?;
    if execution.status.is_terminal() {
        return Err(Rejection::NotStoppable { status: execution.status });
    }
    if execution.stop.as_ref().is_some_and(|stop| stop.abandon || !abandon) {
        return Err(Rejection::StopRequestedAlready);
    }
    at_most(200, "reason", reason)?;
    let stage = execution.current().map(|run| run.name.clone());
    let stop = Stop { abandon, reason: reason.into(), by: by.into(), at: draft.now };
    draft.record(Fact::StopRequested { execution: id.clone(), stage, stop });
    Ok(())
}
