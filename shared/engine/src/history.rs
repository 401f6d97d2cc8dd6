//! What became of every attempt, read from the recorded events: the state keeps only the latest of each action.

use std::collections::BTreeMap;

use penstock_model::id::AttemptId;

use crate::apply::apply;
use crate::event::Event;
use crate::state::{Attempt, State};

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptHistory {
    /// Which one.
    pub id: AttemptId,
    /// Its status, times, outcome and outputs as of its latest event.
    pub attempt: Attempt,
}

/// Every attempt that `events` tell of, in the order in which they were scheduled.
///
/// `events` are those of one or more executions from their admission on; the attempts of an execution whose
/// admission is not among them are left out.
pub fn attempts<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<AttemptHistory> {
    let mut state = State::default();
    let mut found: Vec<AttemptHistory> = vec![];
    let mut places: BTreeMap<AttemptId, usize> = BTreeMap::new();
    for event in events {
        apply(&mut state, event);
        let Some(id) = event.fact.attempt() else { continue };
        let Some(attempt) = state.executions.get(&id.execution).and_then(|it| it.attempt(id)).cloned() else {
            continue;
        };
        match places.get(id) {
            Some(place) => found[*place].attempt = attempt,
            None => {
                places.insert(id.clone(), found.len());
                found.push(AttemptHistory { id: id.clone(), attempt });
            }
        }
    }
    found
}
