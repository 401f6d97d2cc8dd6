//! Carries out from the state whatever is due: each rule looks at what is there, not at what arrived.

mod end;
mod enter;
mod expire;
mod remind;
mod run;
mod settle;

use penstock_model::id::ExecutionId;

pub(crate) use self::enter::{has_moves, occupant};
pub(crate) use self::expire::settle_cancellation;
use crate::draft::Draft;
use crate::pending::is_open;

/// Applies every rule until none has anything left to do.
///
/// It ends because each event moves an execution forward: time-bound rules push the moment that made them due
/// beyond `now`, an attempt only ends once, and a new one needs an earlier one's end.
pub(crate) fn plan(draft: &mut Draft<'_>) {
    loop {
        let before = draft.events.len();
        draft.unfinished = None;
        let open: Vec<ExecutionId> =
            draft.state.executions.values().filter(|it| is_open(it)).map(|it| it.id.clone()).collect();
        for execution in &open {
            expire::expire(draft, execution);
            end::end_stopped(draft, execution);
            settle::settle(draft, execution);
        }
        enter::enter(draft);
        for execution in &open {
            run::run(draft, execution);
            remind::remind(draft, execution);
        }
        if draft.events.len() == before {
            return;
        }
    }
}
