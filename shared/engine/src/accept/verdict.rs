//! A person decides on an approval.

use penstock_model::id::AttemptId;

use super::{at_most, execution};
use crate::command::Success;
use crate::draft::Draft;
use crate::event::Fact;
use crate::rejection::Rejection;
use crate::state::{Attempt, AttemptError, ErrorCode, Verdict};

pub(super) fn decide(
    draft: &mut Draft<'_>,
    id: &AttemptId,
    approved: bool,
    by: &str,
    comment: &str,
) -> Result<(), Rejection> {
    check(draft, id)?;
    at_most(512, "comment", comment)?;
    let verdict = Verdict { approved, by: by.into(), comment: comment.into(), at: draft.now };
    let words = verdict.in_words();
    draft.record(Fact::VerdictGiven { attempt: id.clone(), verdict });
    draft.record(if approved {
        let success = Box::new(Success { summary: Some(words), ..Success::default() });
        Fact::AttemptSucceeded { attempt: id.clone(), success }
    } else {
        let error = AttemptError::new(ErrorCode::Rejected, words);
        Fact::AttemptFailed { attempt: id.clone(), error, external: None }
    });
    Ok(())
}

/// Checks that the attempt is an approval that waits.
fn check(draft: &Draft<'_>, id: &AttemptId) -> Result<(), Rejection> {
    let execution = execution(draft, &id.execution)?;
    let latest = execution
        .stage(&id.stage)
        .and_then(|run| run.actions.get(&id.action))
        .ok_or_else(|| Rejection::ActionNotFound { stage: id.stage.clone(), action: id.action.clone() })?;
    if !draft.is_approval(execution, &id.stage, &id.action) {
        return Err(Rejection::NoApproval { action: id.action.clone() });
    }
    if latest.number != id.number {
        return Err(Rejection::ApprovalSettled { outcome: "a later attempt has taken its place".into() });
    }
    if !latest.is_live() {
        return Err(Rejection::ApprovalSettled { outcome: outcome(latest) });
    }
    Ok(())
}

fn outcome(attempt: &Attempt) -> String {
    match (&attempt.verdict, &attempt.error, &attempt.summary) {
        (Some(verdict), _, _) => verdict.in_words(),
        (None, Some(error), _) => error.message.clone(),
        (None, None, Some(summary)) => summary.clone(),
        (None, None, None) => "it has ended".into(),
    }
}
