//! A worker tells what became of an attempt.
//!
//! | the attempt                  | started       | running  | succeeded, failed, interrupted, cancelled |
//! |------------------------------|---------------|----------|-------------------------------------------|
//! | live                         | is in progress| as it is | ends so; cancelled outside is a failure   |
//! | live, timed out, unconfirmed | can be reached| as it is | ends as timed out                         |
//! | abandoned, unconfirmed       | can be reached| as it is | its cancellation is confirmed             |
//! | ended, or not the latest     | stale         | stale    | stale                                     |

use penstock_model::id::AttemptId;
use penstock_model::time::Timestamp;

use super::execution;
use crate::command::{Report, Success};
use crate::draft::Draft;
use crate::event::Fact;
use crate::plan::settle_cancellation;
use crate::rejection::Rejection;
use crate::state::{Attempt, AttemptError, AttemptStatus, ErrorCode, External, MAX_ERROR};
use crate::timing::pause;

/// The longest summary that the state keeps, in bytes.
const MAX_SUMMARY: usize = 2048;

pub(super) fn report(draft: &mut Draft<'_>, id: &AttemptId, report: &Report) -> Result<(), Rejection> {
    let execution = execution(draft, &id.execution)?;
    let attempt = execution.attempt(id).ok_or(Rejection::Stale)?;
    let cancelling = attempt.unsettled().is_some();
    if !attempt.is_live() && !cancelling {
        return Err(Rejection::Stale);
    }
    if draft.is_approval(execution, &id.stage, &id.action) {
        return Err(Rejection::Invalid {
            problem: format!("`{}` ends by a person's verdict, not by a report", id.action),
        });
    }
    let fact = match report {
        Report::Started { external, started_at } => {
            started(draft, attempt, id, external.as_ref(), *started_at)
        }
        Report::Running => started(draft, attempt, id, None, None),
        Report::Succeeded(_) | Report::Failed { .. } | Report::Interrupted { .. } | Report::Cancelled
            if cancelling =>
        {
            settle_cancellation(draft, id, true);
            None
        }
        Report::Succeeded(success) => Some(succeeded(id, success)),
        Report::Failed { error, external } => {
            Some(failed(id, error.code.clone(), &error.message, external.as_ref()))
        }
        Report::Interrupted { message } => Some(failed(id, ErrorCode::Interrupted, message, None)),
        Report::Cancelled => Some(failed(
            id,
            ErrorCode::Cancelled,
            "it was cancelled outside of Penstock; retry the stage",
            None,
        )),
    };
    if let Some(fact) = fact {
        draft.record(fact);
    }
    Ok(())
}

/// A start, where it tells anything new.
fn started(
    draft: &Draft<'_>,
    attempt: &Attempt,
    id: &AttemptId,
    external: Option<&External>,
    started_at: Option<Timestamp>,
) -> Option<Fact> {
    let unknown = attempt.external.is_none() && external.is_some();
    let next_check_at = match (attempt.status, attempt.unsettled()) {
        (_, Some(_)) if unknown => None,
        (AttemptStatus::Scheduled, None) => Some(draft.now.plus(pause(0))),
        (AttemptStatus::InProgress, None) if unknown => attempt.next_check_at,
        (
            AttemptStatus::Scheduled
            | AttemptStatus::InProgress
            | AttemptStatus::Succeeded
            | AttemptStatus::Failed
            | AttemptStatus::Abandoned,
            _,
        ) => return None,
    };
    Some(Fact::AttemptStarted { attempt: id.clone(), external: external.cloned(), next_check_at, started_at })
}

fn succeeded(id: &AttemptId, success: &Success) -> Fact {
    let summary = success.summary.as_deref().map(|summary| head(summary, MAX_SUMMARY).to_owned());
    let success = Box::new(Success { summary, ..success.clone() });
    Fact::AttemptSucceeded { attempt: id.clone(), success }
}

fn failed(id: &AttemptId, code: ErrorCode, message: &str, external: Option<&External>) -> Fact {
    let error = AttemptError::new(code, head(message, MAX_ERROR));
    Fact::AttemptFailed { attempt: id.clone(), error, external: external.cloned() }
}

/// The first `limit` bytes of `text`, less an incomplete character.
fn head(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}
