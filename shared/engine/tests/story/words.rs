//! Events and debts in words.

use std::time::Duration;

use penstock_engine::debt::Debt;
use penstock_engine::event::{Event, Fact};
use penstock_engine::state::{Execution, ExecutionKind, Position};
use penstock_model::id::{AttemptId, ExecutionId};
use penstock_model::time::Timestamp;

pub(crate) fn event(event: &Event, now: Timestamp) -> String {
    let after = |at: Timestamp| duration(at.since(now));
    match &event.fact {
        Fact::Defined { version, stages, .. } => {
            format!("version {version} defined with {} stages", stages.len())
        }
        Fact::Deleted => "deleted".into(),
        Fact::TransitionDisabled { stage, disabled } => format!("{stage} closed: {}", disabled.reason),
        Fact::TransitionEnabled { stage } => format!("{stage} opened"),
        Fact::ArtifactsReleased { released } => format!("artifacts before {} released", released.below),
        Fact::ExecutionAdmitted { execution } => admitted(execution),
        Fact::StopRequested { execution, stop, .. } => {
            let how = if stop.abandon { "abandoning" } else { "waiting" };
            format!("{} is stopped, {how}", letter(execution))
        }
        Fact::StageAwaited { execution, stage } => format!("{} waits for {stage}", letter(execution)),
        Fact::StageEntered { execution, stage } => format!("{} enters {stage}", letter(execution)),
        Fact::StageRetried { execution, stage, actions } => {
            format!("{} retries {stage}, {actions:?}", letter(execution))
        }
        Fact::StageEnded { execution, stage, status } => {
            format!("{} {stage} ends {status:?}", letter(execution))
        }
        Fact::ExecutionEnded { execution, status, superseded_by } => match superseded_by {
            Some(by) => format!("{} ends {status:?} by {}", letter(execution), letter(by)),
            None => format!("{} ends {status:?}", letter(execution)),
        },
        Fact::AttemptScheduled { attempt, deadline, .. } => {
            format!("{} scheduled, {} to end", name(attempt), after(*deadline))
        }
        Fact::AttemptStarted { attempt, external, .. } => match external {
            Some(external) => format!("{} started as {}", name(attempt), external.id),
            None => format!("{} started", name(attempt)),
        },
        Fact::AttemptResent { attempt, resend_at } => {
            format!("{} sent again, next in {}", name(attempt), after(*resend_at))
        }
        Fact::AttemptChecked { attempt, next_check_at } => {
            format!("{} observed, next in {}", name(attempt), after(*next_check_at))
        }
        Fact::AttemptCancelling { attempt, cancellation, .. } => {
            format!(
                "{} cancelling: {:?}, grace {}",
                name(attempt),
                cancellation.cause,
                after(cancellation.grace)
            )
        }
        Fact::CancellationSettled { attempt, confirmed } => {
            let how = if *confirmed { "confirmed" } else { "no longer waited for" };
            format!("{} cancellation {how}", name(attempt))
        }
        Fact::VerdictGiven { attempt, verdict } => format!("{} decided by {}", name(attempt), verdict.by),
        Fact::AttemptSucceeded { attempt, .. } => format!("{} succeeded", name(attempt)),
        Fact::AttemptFailed { attempt, error, .. } => {
            format!("{} failed: {}: {}", name(attempt), error.code, error.message)
        }
        Fact::AttemptAbandoned { attempt } => format!("{} abandoned", name(attempt)),
    }
}

fn admitted(execution: &Execution) -> String {
    let what = match &execution.kind {
        ExecutionKind::Standard => String::new(),
        ExecutionKind::Rollback { target, .. } => format!(" as a rollback to {}", letter(target)),
    };
    let stage = match &execution.position {
        Position::Waiting { stage, .. } | Position::In { stage } => stage.as_str(),
        Position::Ended => "nothing",
    };
    format!("{} admitted{what}, version {}, waits for {stage}", letter(&execution.id), execution.definition)
}

pub(crate) fn debt(debt: &Debt) -> String {
    match debt {
        Debt::Dispatch { attempt } => format!("dispatch {}", name(attempt)),
        Debt::Cancel { attempt } => format!("cancel {}", name(attempt)),
        Debt::Observe { attempt } => format!("observe {}", name(attempt)),
        Debt::GoOn => "go on".into(),
    }
}

pub(crate) fn duration(duration: Duration) -> String {
    let minutes = duration.as_secs() / 60;
    match minutes {
        0..60 => format!("{minutes} min"),
        60..2880 => format!("{} h {} min", minutes / 60, minutes % 60).replace(" 0 min", ""),
        _ => format!("{} d", minutes / 1440),
    }
}

fn name(attempt: &AttemptId) -> String {
    format!("{} {}/{} {}", letter(&attempt.execution), attempt.stage, attempt.action, attempt.number)
}

fn letter(execution: &ExecutionId) -> String {
    with_letters(execution.as_str())
}

/// `text` with the executions' letters instead of their ids.
pub(crate) fn with_letters(text: &str) -> String {
    const PREFIX: &str = "00000000-0000-4000-8000-0000000000";
    let mut parts = text.split(PREFIX);
    let mut words = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        words.push(char::from(u8::from_str_radix(digits, 16).unwrap()));
        words.push_str(rest);
    }
    words
}
