//! Which items a decision changes and what must not have changed meanwhile, as one transaction.
//!
//! Why versions are enough: outside PARALLEL, whatever changes where executions stand writes the pipeline's item, even
//! if nothing of it changes, so two such decisions never both land. In PARALLEL executions do not meet, except before
//! a closed transition: waiting there writes the item too, so that it cannot cross an opening that saw nobody wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use penstock_engine::command::Command;
use penstock_engine::event::{Event, Fact, Item};
use penstock_engine::state::{Execution, State};
use penstock_engine::{Decision, is_open, next_due};
use penstock_model::id::{DeliveryId, ExecutionId};
use penstock_model::pipeline::ExecutionMode;
use penstock_model::time::Timestamp;

use super::Addition;
use crate::port::store::{Change, Commit, ItemState, Snapshot};

/// The transaction that makes `decision` so.
pub(super) fn compose(
    before: &Snapshot,
    decision: &Decision,
    command: &Command,
    definition: Option<Addition>,
    at: Timestamp,
) -> Commit {
    let mut events = by_item(&decision.events);
    for item in changed(&before.state, &decision.state) {
        events.entry(item).or_default();
    }
    if decision.events.iter().any(|event| shares_stages(&event.fact, &decision.state)) {
        events.entry(Item::Pipeline).or_default();
    }
    let left = left(decision, at);
    if let Some((id, _)) = left {
        events.entry(Item::Execution(id.clone())).or_default();
    }
    Commit {
        pipeline: command.pipeline.clone(),
        command: command.id.clone(),
        changes: events
            .into_iter()
            .filter_map(|(item, events)| change(before, &decision.state, left, item, events))
            .collect(),
        admission: admission(&decision.events),
        definition,
        at,
    }
}

/// Each event goes into the record of the item that it is about; the other items that it changes are only written.
fn by_item(events: &[Event]) -> BTreeMap<Item, Vec<Event>> {
    let mut items: BTreeMap<Item, Vec<Event>> = BTreeMap::new();
    for event in events {
        let mut changed = event.fact.items().into_iter();
        if let Some(about) = changed.next() {
            items.entry(about).or_default().push(event.clone());
        }
        for item in changed {
            items.entry(item).or_default();
        }
    }
    items
}

/// The items that differ, whatever the events say of them.
fn changed(before: &State, after: &State) -> BTreeSet<Item> {
    let same = |old: &Arc<Execution>, new: &Arc<Execution>| Arc::ptr_eq(old, new) || old == new;
    let executions = after
        .executions
        .iter()
        .filter(|(id, new)| before.executions.get(*id).is_none_or(|old| !same(old, new)))
        .map(|(id, _)| Item::Execution(id.clone()));
    let pipeline = (before.pipeline != after.pipeline).then_some(Item::Pipeline);
    executions.chain(pipeline).collect()
}

/// Whether another decision could contradict this fact because both read who stands where.
fn shares_stages(fact: &Fact, state: &State) -> bool {
    match fact {
        Fact::Defined { .. }
        | Fact::Deleted
        | Fact::TransitionDisabled { .. }
        | Fact::TransitionEnabled { .. }
        | Fact::ArtifactsReleased { .. }
        | Fact::ExecutionAdmitted { .. }
        | Fact::StageAwaited { .. }
        | Fact::StageRetried { .. } => true,
        Fact::StageEntered { execution, .. }
        | Fact::StageEnded { execution, .. }
        | Fact::ExecutionEnded { execution, .. }
        | Fact::StopRequested { execution, .. } => takes_turns(state, execution),
        Fact::CancellationSettled { attempt, .. }
        | Fact::AttemptSucceeded { attempt, .. }
        | Fact::AttemptFailed { attempt, .. }
        | Fact::AttemptAbandoned { attempt }
        | Fact::AttemptCancelling { attempt, .. } => {
            // The end of the last work of a stage frees it, also of an execution that has ended already.
            takes_turns(state, &attempt.execution)
                && state.executions.get(&attempt.execution).is_some_and(|e| e.status.is_terminal())
        }
        Fact::AttemptScheduled { .. }
        | Fact::AttemptStarted { .. }
        | Fact::AttemptResent { .. }
        | Fact::AttemptChecked { .. }
        | Fact::VerdictGiven { .. } => false,
    }
}

fn takes_turns(state: &State, execution: &ExecutionId) -> bool {
    state.executions.get(execution).is_none_or(|execution| execution.mode != ExecutionMode::Parallel)
}

fn change(
    before: &Snapshot,
    after: &State,
    left: Option<(&ExecutionId, Timestamp)>,
    item: Item,
    events: Vec<Event>,
) -> Option<Change> {
    match item {
        Item::Pipeline => {
            let state = ItemState::Pipeline(after.pipeline.clone()?);
            Some(Change { expected: before.versions.pipeline, item: state, events })
        }
        Item::Execution(id) => {
            let execution = after.executions.get(&id)?.clone();
            let expected = before.versions.executions.get(&id).copied().unwrap_or(0);
            let due_at_once = left.filter(|(left, _)| **left == id).map(|(_, at)| at);
            let (open, next_due) = (is_open(&execution), due_at_once.or_else(|| next_due(&execution)));
            Some(Change { expected, item: ItemState::Execution { execution, open, next_due }, events })
        }
    }
}

/// The execution with which planning is to go on, unless it is due already. It is written as due at once, so that the
/// next sweep goes on even if the wake-up is never sent; going on writes it anew, and with that when it is due.
fn left(decision: &Decision, at: Timestamp) -> Option<(&ExecutionId, Timestamp)> {
    let id = decision.unfinished.as_ref()?;
    let due = next_due(decision.state.executions.get(id)?);
    due.is_none_or(|due| due > at).then_some((id, at))
}

fn admission(events: &[Event]) -> Option<DeliveryId> {
    events.iter().find_map(|event| {
        let Fact::ExecutionAdmitted { execution } = &event.fact else {
            return None;
        };
        execution.trigger.delivery.clone()
    })
}
