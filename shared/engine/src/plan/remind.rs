//! Moves on what was due to be sent again or to be asked for, so that it is not owed again at once.

use penstock_model::id::ExecutionId;
use penstock_model::time::Timestamp;

use crate::draft::Draft;
use crate::event::Fact;
use crate::state::Execution;
use crate::timing::{next_check, pause};

pub(super) fn remind(draft: &mut Draft<'_>, id: &ExecutionId) {
    let Some(execution) = draft.execution(id) else {
        return;
    };
    let reminders = reminders(draft, execution);
    if reminders.is_empty() || !draft.admits_change(id) {
        return;
    }
    for fact in reminders {
        draft.record(fact);
    }
}

fn reminders(draft: &Draft<'_>, execution: &Execution) -> Vec<Fact> {
    let Some(run) = execution.stages.last() else {
        return vec![];
    };
    let (now, stage) = (draft.now, draft.stage(execution, &run.name));
    let mut facts = vec![];
    for (action, attempt) in &run.actions {
        let id = || execution.attempt_id(&run.name, action, attempt.number);
        if is_past(attempt.resend_at, now) {
            facts
                .push(Fact::AttemptResent { attempt: id(), resend_at: now.plus(pause(attempt.resends + 1)) });
        }
        if is_past(attempt.next_check_at, now) {
            let begun = attempt.started_at.unwrap_or(attempt.scheduled_at);
            let action = stage.and_then(|stage| stage.action(action));
            let next_check_at = next_check(action, &execution.variables, begun, attempt.checks + 1, now);
            facts.push(Fact::AttemptChecked { attempt: id(), next_check_at });
        }
    }
    facts
}

fn is_past(moment: Option<Timestamp>, now: Timestamp) -> bool {
    moment.is_some_and(|moment| moment <= now)
}
