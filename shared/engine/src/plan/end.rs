//! Ends the attempts of a stopped execution: those that wait for a person at once, and all when it abandons.

use penstock_model::id::{AttemptId, ExecutionId};

use super::expire::cancel;
use crate::draft::Draft;
use crate::event::Fact;
use crate::state::{CancellationCause, Execution};

pub(super) fn end_stopped(draft: &mut Draft<'_>, id: &ExecutionId) {
    let Some(execution) = draft.execution(id) else {
        return;
    };
    let given_up = given_up(draft, execution);
    if given_up.is_empty() || !draft.admits_change(id) {
        return;
    }
    for (attempt, works) in given_up {
        if works {
            cancel(draft, attempt.clone(), CancellationCause::Abandoned);
        }
        draft.record(Fact::AttemptAbandoned { attempt });
    }
}

/// The attempts to give up, and whether something works on them that nobody has asked to end yet.
fn given_up(draft: &Draft<'_>, execution: &Execution) -> Vec<(AttemptId, bool)> {
    let (Some(stop), Some(run)) = (&execution.stop, execution.current()) else {
        return vec![];
    };
    run.actions
        .iter()
        .filter(|(_, attempt)| attempt.is_live())
        .filter_map(|(action, attempt)| {
            let approval = draft.is_approval(execution, &run.name, action);
            let works = !approval && attempt.unsettled().is_none();
            (approval || stop.abandon)
                .then(|| (execution.attempt_id(&run.name, action, attempt.number), works))
        })
        .collect()
}
