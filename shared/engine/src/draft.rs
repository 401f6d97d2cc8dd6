//! A decision in the making: what happened so far, and the state after it.

use std::collections::BTreeSet;

use penstock_model::id::{ActionName, ExecutionId, StageName};
use penstock_model::pipeline::{Category, Pipeline, Stage};
use penstock_model::time::Timestamp;

use crate::apply::apply;
use crate::decide::MAX_CHANGED_ITEMS;
use crate::event::{Event, Fact};
use crate::state::{Definitions, Execution, State};

/// Planning leaves room for the pipeline's item and for the execution that the command names.
const MAX_PLANNED: usize = MAX_CHANGED_ITEMS - 2;

pub(crate) struct Draft<'a> {
    pub(crate) definitions: &'a Definitions,
    pub(crate) now: Timestamp,
    pub(crate) state: State,
    pub(crate) events: Vec<Event>,
    /// The first execution that planning left as it was because of the limit.
    pub(crate) unfinished: Option<ExecutionId>,
    changed: BTreeSet<ExecutionId>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(definitions: &'a Definitions, state: &State, now: Timestamp) -> Self {
        Self {
            definitions,
            now,
            state: state.clone(),
            events: vec![],
            unfinished: None,
            changed: BTreeSet::new(),
        }
    }

    /// Lets `fact` happen.
    pub(crate) fn record(&mut self, fact: Fact) {
        if let Some(execution) = fact.execution()
            && !self.changed.contains(execution)
        {
            self.changed.insert(execution.clone());
        }
        let event = Event { at: self.now, fact };
        apply(&mut self.state, &event);
        self.events.push(event);
    }

    /// Whether planning may change `execution` in this decision; if not, the decision is unfinished.
    pub(crate) fn admits_change(&mut self, execution: &ExecutionId) -> bool {
        let admits = self.changed.len() < MAX_PLANNED || self.changed.contains(execution);
        if !admits {
            self.unfinished.get_or_insert_with(|| execution.clone());
        }
        admits
    }

    pub(crate) fn execution(&self, id: &ExecutionId) -> Option<&Execution> {
        self.state.executions.get(id).map(AsRef::as_ref)
    }

    /// The definition that `execution` pins.
    pub(crate) fn definition(&self, execution: &Execution) -> Option<&'a Pipeline> {
        self.definitions.get(&execution.definition).map(AsRef::as_ref)
    }

    /// The stage as the definition that `execution` pins has it.
    pub(crate) fn stage(&self, execution: &Execution, stage: &StageName) -> Option<&'a Stage> {
        self.definition(execution)?.stage(stage)
    }

    /// Whether the attempt waits for a person's verdict instead of a worker's report.
    pub(crate) fn is_approval(&self, execution: &Execution, stage: &StageName, action: &ActionName) -> bool {
        self.stage(execution, stage)
            .and_then(|stage| stage.action(action))
            .is_some_and(|action| action.action_type_id.category == Category::Approval)
    }
}
