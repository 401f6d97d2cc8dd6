//! Moves on what was due to be sent again or to be asked for, so that it is not owed again at once.

use penstock_model::id::ExecutionId;
use penstock_model::time::Timestamp;

use crate::draft::{Draft, attempt_id};
use crate::event::Fact;
use crate::state::Execution;
use crate::timing::pause;

pub(super) fn remind(draft: &mut Draft<'_>, id: &ExecutionId) {
    let Some(execution) = draft.execution(id) else {
        return;
    };
    let reminders = reminders(execution, draft.now);
    if reminders.is_empty() || !draft.admits_change(id) {
        return;
    }
    for fact in reminders {
        draft.record(fact);
    }
}

fn reminders(execution: &Execution, now: Timestamp) -> Vec<Fact> {
    let Some(run) = execution.stages.last() else {
        return vec![];
    };
    let mut facts = vec![];
    for (action, attempt) in &run.actions {
        let id = || attempt_id(execution, run, action, attempt);
        if is_past(attempt.resend_at, now) {
            facts
                .push(Fact::AttemptResent { attempt: id(), resend_at: now.plus(pause(attempt.resends + 1)) });
        }
        if is_past(attempt.next_check_at, now) {
            facts.push(Fact::AttemptChecked {
                attempt: id(),
                next_check_at: now.plus(pause(attempt.checks + 1)),
            });
        }
    }
    facts
}

fn is_past(moment: Option<Timestamp>, now: Timestamp) -> bool {
    moment.is_some_and(|moment| moment <= now)
}
