//! One command in, events and the state after them out.

use std::collections::BTreeSet;

use penstock_model::id::ExecutionId;
use penstock_model::time::Timestamp;

use crate::accept::accept;
use crate::command::{Command, Request};
use crate::draft::Draft;
use crate::event::{Event, Item};
use crate::plan::plan;
use crate::rejection::Rejection;
use crate::state::{Definitions, State};

/// The most stored items that one decision changes, so that it fits in one transaction of the store.
pub const MAX_CHANGED_ITEMS: usize = 32;

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What happened, in order; the same moment for all that one command led to.
    pub events: Vec<Event>,
    /// The state after the events.
    pub state: State,
    /// Why the command was not accepted; events that were due anyway may be there all the same.
    pub rejection: Option<Rejection>,
    /// Planning stopped at [`MAX_CHANGED_ITEMS`], before it changed this execution; a wake-up goes on with it. Whatever
    /// command comes next changes it first.
    pub unfinished: Option<ExecutionId>,
}

impl Decision {
    /// This decision and `next`, which was taken on the state after it, as one, to be committed at once; `None` if the
    /// two do not fit into one, if this one is unfinished, or if that one was rejected.
    pub fn then(&self, next: Self) -> Option<Self> {
        if self.unfinished.is_some() || next.rejection.is_some() {
            return None;
        }
        let events = [self.events.as_slice(), &next.events].concat();
        let changed: BTreeSet<Item> = events.iter().flat_map(|event| event.fact.items()).collect();
        (changed.len() <= MAX_CHANGED_ITEMS).then(|| Self {
            events,
            state: next.state,
            rejection: self.rejection.clone(),
            unfinished: next.unfinished,
        })
    }
}

/// Accepts `command` or says why not, and plans until nothing more is due at `now`.
///
/// `definitions` holds the latest version, those that the executions in `state` pin, and for
/// [`Request::Define`] the new one. A command that was accepted before changes nothing more.
pub fn decide(definitions: &Definitions, state: &State, command: &Command, now: Timestamp) -> Decision {
    let mut draft = Draft::new(definitions, state, now);
    if !is_report(&command.request) {
        plan(&mut draft);
    }
    let planned = draft.events.len();
    let rejection = accept(&mut draft, command).err();
    if is_report(&command.request) || draft.events.len() > planned {
        plan(&mut draft);
    }
    Decision { events: draft.events, state: draft.state, rejection, unfinished: draft.unfinished }
}

/// People's commands meet the state as time has left it; a report of work that ended in time counts even when it
/// arrives after its deadline.
fn is_report(request: &Request) -> bool {
    match request {
        Request::Report { .. } => true,
        Request::Define { .. }
        | Request::Delete
        | Request::Start { .. }
        | Request::Decide { .. }
        | Request::Retry { .. }
        | Request::Rollback { .. }
        | Request::Stop { .. }
        | Request::Disable { .. }
        | Request::Enable { .. }
        | Request::Release { .. }
        | Request::WakeUp => false,
    }
}
