//! Lets waiting executions into stages, and those that waited too long give way to newer ones.
//!
//! Outside PARALLEL a stage has one occupant. Before it, a SUPERSEDED execution gives way to any newer one that
//! waits there too; the others enter by admission. A rollback does not come over the inbound transition: a closed
//! one does not hold it, it goes first, and it neither gives way nor makes others give way.

use std::collections::{BTreeMap, BTreeSet};

use penstock_model::id::{ExecutionId, StageName};
use penstock_model::pipeline::ExecutionMode;

use crate::draft::Draft;
use crate::event::Fact;
use crate::state::{Execution, ExecutionKind, ExecutionStatus, Position, State};

pub(super) fn enter(draft: &mut Draft<'_>) {
    for step in steps(&draft.state) {
        let Some(execution) = step.execution().cloned() else {
            continue;
        };
        if draft.admits_change(&execution) {
            draft.record(step);
        }
    }
}

/// Whether an execution could enter a stage or has to give way.
pub(crate) fn has_moves(state: &State) -> bool {
    !steps(state).is_empty()
}

/// The execution that keeps others out of `stage`: it is in it, or its cancelled work there may still be running.
pub(crate) fn occupant<'a>(state: &'a State, stage: &StageName) -> Option<&'a Execution> {
    state.executions.values().map(AsRef::as_ref).find(|execution| occupies(execution) == Some(stage))
}

fn occupies(execution: &Execution) -> Option<&StageName> {
    if execution.mode == ExecutionMode::Parallel {
        return None;
    }
    match &execution.position {
        Position::In { stage } => Some(stage),
        Position::Waiting { .. } => None,
        Position::Ended => {
            let run = execution.stages.last()?;
            run.actions.values().any(|attempt| attempt.unsettled().is_some()).then_some(&run.name)
        }
    }
}

fn steps(state: &State) -> Vec<Fact> {
    let mut waiting: BTreeMap<&StageName, Vec<&Execution>> = BTreeMap::new();
    for execution in state.executions.values() {
        if let Position::Waiting { stage, .. } = &execution.position
            && execution.status == ExecutionStatus::InProgress
        {
            waiting.entry(stage).or_default().push(execution);
        }
    }
    if waiting.is_empty() {
        return vec![];
    }
    let occupied: BTreeSet<&StageName> = state.executions.values().filter_map(|it| occupies(it)).collect();
    let mut steps = vec![];
    for (stage, mut executions) in waiting {
        executions.sort_by_key(|it| (!is_rollback(it), it.sequence));
        let overtaken = overtaken(&executions);
        if overtaken.is_empty() {
            let gate = Gate { closed: is_closed(state, stage), occupied: occupied.contains(stage) };
            steps.extend(
                gate.admits(&executions).map(|id| Fact::StageEntered { execution: id, stage: stage.clone() }),
            );
        } else {
            steps.extend(overtaken);
        }
    }
    steps
}

/// Those who give way, each to the newest that waits.
fn overtaken(waiting: &[&Execution]) -> Vec<Fact> {
    let newest = waiting.iter().rfind(|it| !is_rollback(it) && it.mode != ExecutionMode::Parallel);
    let Some(newest) = newest else { return vec![] };
    let gives_way = |it: &&&Execution| {
        it.mode == ExecutionMode::Superseded && !is_rollback(it) && it.sequence < newest.sequence
    };
    waiting
        .iter()
        .filter(gives_way)
        .map(|it| Fact::ExecutionEnded {
            execution: it.id.clone(),
            status: ExecutionStatus::Superseded,
            superseded_by: Some(newest.id.clone()),
        })
        .collect()
}

struct Gate {
    closed: bool,
    occupied: bool,
}

impl Gate {
    /// All PARALLEL executions that the transition lets through, and the first of the others if the stage is free.
    fn admits<'e>(&self, waiting: &'e [&Execution]) -> impl Iterator<Item = ExecutionId> + 'e {
        let closed = self.closed;
        let mut free = !self.occupied;
        waiting
            .iter()
            .filter(move |it| !closed || is_rollback(it))
            .filter(move |it| it.mode == ExecutionMode::Parallel || std::mem::take(&mut free))
            .map(|it| it.id.clone())
    }
}

fn is_closed(state: &State, stage: &StageName) -> bool {
    state.pipeline.as_ref().and_then(|it| it.stages.get(stage)).is_some_and(|it| it.disabled.is_some())
}

fn is_rollback(execution: &Execution) -> bool {
    matches!(execution.kind, ExecutionKind::Rollback { .. })
}
