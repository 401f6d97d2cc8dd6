//! Ends what is overdue: approvals without verdict, work beyond its deadline, cancellations nobody confirms.

use penstock_model::id::{AttemptId, ExecutionId};
use penstock_model::time::Timestamp;

use crate::draft::Draft;
use crate::event::Fact;
use crate::state::{Attempt, AttemptError, Cancellation, CancellationCause, ErrorCode, Execution};
use crate::timing::{GRACE, pause};

enum Overdue {
    Verdict,
    End,
    Confirmation,
}

pub(super) fn expire(draft: &mut Draft<'_>, id: &ExecutionId) {
    let Some(execution) = draft.execution(id) else {
        return;
    };
    let found = overdue(draft, execution);
    if found.is_empty() || !draft.admits_change(id) {
        return;
    }
    for (attempt, overdue) in found {
        match overdue {
            Overdue::Verdict => {
                let error = AttemptError::new(
                    ErrorCode::Expired,
                    "nobody decided before the approval expired; retry the stage to ask again",
                );
                draft.record(Fact::AttemptFailed { attempt, error, external: None });
            }
            Overdue::End => cancel(draft, attempt, CancellationCause::TimedOut),
            Overdue::Confirmation => settle_cancellation(draft, &attempt, false),
        }
    }
}

fn overdue(draft: &Draft<'_>, execution: &Execution) -> Vec<(AttemptId, Overdue)> {
    let Some(run) = execution.stages.last() else {
        return vec![];
    };
    run.actions
        .iter()
        .filter_map(|(action, attempt)| {
            let approval = || draft.is_approval(execution, &run.name, action);
            let overdue = what_is_overdue(attempt, draft.now, approval)?;
            Some((execution.attempt_id(&run.name, action, attempt.number), overdue))
        })
        .collect()
}

fn what_is_overdue(attempt: &Attempt, now: Timestamp, approval: impl Fn() -> bool) -> Option<Overdue> {
    match attempt.unsettled() {
        Some(cancellation) => (cancellation.grace <= now).then_some(Overdue::Confirmation),
        None if attempt.is_live() && attempt.deadline <= now => {
            Some(if approval() { Overdue::Verdict } else { Overdue::End })
        }
        None => None,
    }
}

/// Asks for the cancellation of running work; its stage is kept until that is confirmed or the grace has passed.
pub(super) fn cancel(draft: &mut Draft<'_>, attempt: AttemptId, cause: CancellationCause) {
    let now = draft.now;
    let cancellation = Cancellation { cause, at: now, grace: now.plus(GRACE), settled_at: None };
    draft.record(Fact::AttemptCancelling { attempt, cancellation, resend_at: Some(now.plus(pause(0))) });
}

/// Records that the end of cancelled work is known, or no longer waited for; what is still live has timed out.
pub(crate) fn settle_cancellation(draft: &mut Draft<'_>, id: &AttemptId, confirmed: bool) {
    draft.record(Fact::CancellationSettled { attempt: id.clone(), confirmed });
    let attempt = draft.execution(&id.execution).and_then(|it| it.attempt(id));
    if let Some(attempt) = attempt.filter(|attempt| attempt.is_live()) {
        let message = format!("{}{}", timed_out(confirmed), unbegun(attempt));
        let error = AttemptError::new(ErrorCode::TimedOut, message);
        draft.record(Fact::AttemptFailed { attempt: id.clone(), error, external: None });
    }
}

fn timed_out(confirmed: bool) -> &'static str {
    if confirmed {
        "it took longer than its action may and was cancelled"
    } else {
        "it took longer than its action may; its cancellation was not confirmed, so it may be running still"
    }
}

/// What may be said of work that was sent to workers again and again, as long as it may take.
fn unbegun(attempt: &Attempt) -> &'static str {
    if attempt.started_at.is_some() {
        ""
    } else {
        "; nobody reported that it began: whoever took it up failed, died or was too slow each time, and the log there says why"
    }
}
