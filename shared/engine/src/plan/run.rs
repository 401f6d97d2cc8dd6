//! Runs the actions of the stage that an execution is in: group after group by run order.

use std::collections::{BTreeMap, BTreeSet};

use penstock_model::id::{AttemptId, ExecutionId};
use penstock_model::pipeline::{Action, Category, Stage};

use crate::draft::Draft;
use crate::event::Fact;
use crate::state::{Attempt, Execution, StageRun};
use crate::timing::{pause, time_limit};

pub(super) fn run(draft: &mut Draft<'_>, id: &ExecutionId) {
    let Some(execution) = draft.execution(id) else {
        return;
    };
    let due = due(draft, execution);
    if due.is_empty() || !draft.admits_change(id) {
        return;
    }
    for (action, attempt) in due {
        schedule(draft, action, attempt);
    }
}

/// The actions whose turn it is, each with the attempt to make.
fn due<'a>(draft: &Draft<'a>, execution: &Execution) -> Vec<(&'a Action, AttemptId)> {
    let Some(run) = execution.current() else {
        return vec![];
    };
    let failed = run.actions.values().any(Attempt::has_failed);
    if execution.stop.is_some() || failed {
        return vec![];
    }
    let Some(stage) = draft.stage(execution, &run.name) else {
        return vec![];
    };
    group(stage, run)
        .filter_map(|action| {
            let number = next_number(run.actions.get(&action.name))?;
            let id = execution.attempt_id(&run.name, &action.name, number);
            Some((action, id))
        })
        .collect()
}

/// The first group that has not succeeded as a whole.
fn group<'a>(stage: &'a Stage, run: &StageRun) -> impl Iterator<Item = &'a Action> {
    let succeeded = |action: &Action| run.actions.get(&action.name).is_some_and(Attempt::has_succeeded);
    let orders: BTreeSet<u16> =
        stage.actions.iter().filter(|it| !succeeded(it)).map(|it| it.run_order).collect();
    let first = orders.first().copied();
    stage.actions.iter().filter(move |action| Some(action.run_order) == first)
}

/// The number of the next attempt, if one is due.
fn next_number(latest: Option<&Attempt>) -> Option<u32> {
    match latest {
        None => Some(1),
        Some(attempt) if attempt.again => Some(attempt.number + 1),
        Some(_) => None,
    }
}

/// A person is asked at once, and by the history; a worker is sent the attempt until it takes it up.
fn schedule(draft: &mut Draft<'_>, action: &Action, attempt: AttemptId) {
    let variables = draft.execution(&attempt.execution).map(|execution| &execution.variables);
    let deadline = draft.now.plus(time_limit(action, variables.unwrap_or(&BTreeMap::new())));
    if action.action_type_id.category == Category::Approval {
        draft.record(Fact::AttemptScheduled { attempt: attempt.clone(), deadline, resend_at: None });
        draft.record(Fact::AttemptStarted { attempt, external: None, next_check_at: None, started_at: None });
    } else {
        let resend_at = Some(draft.now.plus(pause(0)));
        draft.record(Fact::AttemptScheduled { attempt, deadline, resend_at });
    }
}
