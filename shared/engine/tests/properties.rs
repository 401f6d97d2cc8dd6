//! What holds for every pipeline and every sequence of commands. A failure prints the shortest moves that lead to
//! it, and the seed under which it comes again.

#[cfg(test)]
mod generate;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use generate::walk::Walk;
use generate::{Move, moves, sketches};
use penstock_engine::command::{Command, Report, Request};
use penstock_engine::debt::Debt;
use penstock_engine::decide::MAX_CHANGED_ITEMS;
use penstock_engine::event::{Event, Fact, Item};
use penstock_engine::state::{Attempt, AttemptStatus, Execution, ExecutionKind, Position, State};
use penstock_engine::{Decision, apply, attempts, decide, is_open, next_due, pending, to_send};
use penstock_model::id::{AttemptId, ExecutionId, StageName};
use penstock_model::pipeline::ExecutionMode;
use penstock_model::time::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde::Serialize;
use serde::de::DeserializeOwned;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 10_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens(sketch in sketches(), moves in moves()) {
        let mut walk = Walk::new();
        take(&mut walk, &Move::Define(sketch));
        for step in &moves {
            take(&mut walk, step);
        }
        comes_to_an_end(&mut walk);
        replay_equals_state(&walk);
        everything_survives_storage(&walk);
    }
}

fn take(walk: &mut Walk, step: &Move) {
    if let Some(command) = walk.command(step) {
        let late = matches!(step, Move::Again(_));
        decide_and_check(walk, &command, late);
    }
}

fn decide_and_check(walk: &mut Walk, command: &Command, late: bool) {
    let before = walk.loaded(command);
    let decision = walk.decide(command);
    if late {
        a_late_duplicate_changes_nothing(walk, command, &decision);
    }
    each_event_is_in_order(&before, &decision.events);
    let created = decision.events.clone();
    walk.commit(command, &decision);
    state_is_what_was_decided(walk, &decision);
    events_are_stored_by_their_names(&decision.events);
    at_most_so_many_items_change(&created);
    what_was_created_is_sent(&before, &decision, walk.now);
    what_was_done_ahead_is_like_what_was_done_at_once(walk, &before, &decision);
    let rest = plan_the_rest(walk, decision);
    a_duplicate_changes_nothing(walk, command, &rest);
    each_stage_has_one_occupant(&walk.state);
    no_two_superseded_wait_at_one_boundary(&walk.state);
    what_is_unfinished_is_moved_by_something(walk);
}

/// Planning ends: wake-ups go on where the limit stopped it, and then nothing more is due.
fn plan_the_rest(walk: &mut Walk, mut decision: Decision) -> Decision {
    for _ in 0..4 {
        let owed = pending(&decision.state, walk.now);
        assert_eq!(
            owed.contains(&Debt::GoOn),
            decision.unfinished.is_some(),
            "going on is owed exactly when unfinished"
        );
        let Some(left) = &decision.unfinished else {
            let wake_up = walk.numbered(Request::WakeUp);
            assert_eq!(walk.decide(&wake_up).events, [], "nothing more is due at the same moment");
            return decision;
        };
        let wake_up = walk.numbered(Request::WakeUp);
        let rest = walk.decide(&wake_up);
        assert!(rest.events.iter().any(|event| event.fact.execution() == Some(left)), "{left} is left again");
        decision = rest;
        walk.commit(&wake_up, &decision);
    }
    panic!("planning does not end");
}

fn events_are_stored_by_their_names(events: &[Event]) {
    for event in events {
        assert_eq!(serde_json::to_value(&event.fact).expect("a fact")["type"], event.fact.name());
    }
}

fn state_is_what_was_decided(walk: &Walk, decision: &Decision) {
    assert_eq!(walk.state.pipeline, decision.state.pipeline);
    for (id, execution) in &decision.state.executions {
        assert_eq!(&walk.state.executions[id], execution);
    }
}

fn at_most_so_many_items_change(events: &[Event]) {
    let items: BTreeSet<Item> = events.iter().flat_map(|event| event.fact.items()).collect();
    assert!(items.len() <= MAX_CHANGED_ITEMS, "{} items change", items.len());
}

fn a_duplicate_changes_nothing(walk: &Walk, command: &Command, planned: &Decision) {
    assert_eq!(planned.unfinished, None);
    assert_eq!(walk.decide(command).events, [], "the same command again");
}

/// A report, a start, a verdict or a rollback that comes again later does no more than a wake-up would.
fn a_late_duplicate_changes_nothing(walk: &Walk, command: &Command, decision: &Decision) {
    match command.request {
        Request::Start { .. }
        | Request::Report { .. }
        | Request::Decide { .. }
        | Request::Rollback { .. } => {
            let wake_up = walk.numbered(Request::WakeUp);
            assert_eq!(decision.events, walk.decide(&wake_up).events);
        }
        Request::Define { .. }
        | Request::Delete
        | Request::Retry { .. }
        | Request::Stop { .. }
        | Request::Disable { .. }
        | Request::Enable { .. }
        | Request::Release { .. }
        | Request::WakeUp => {}
    }
}

fn each_event_is_in_order(before: &State, events: &[Event]) {
    let mut state = before.clone();
    for event in events {
        if let Some(attempt) = event.fact.attempt() {
            an_attempt_is_orderly(&state, &event.fact, attempt);
        } else if let Fact::StageEntered { execution, stage } = &event.fact {
            an_entry_is_rightful(&state, &state.executions[execution], stage);
        }
        apply(&mut state, event);
    }
}

/// Attempts are numbered without gaps, are not made beside a live one, after a stop or a failure, and end once.
fn an_attempt_is_orderly(state: &State, fact: &Fact, id: &AttemptId) {
    let execution = &state.executions[&id.execution];
    let run = execution.stage(&id.stage).expect("attempts are made in stages that were entered");
    let latest = run.actions.get(&id.action);
    let ends = [AttemptStatus::Succeeded, AttemptStatus::Failed, AttemptStatus::Abandoned];
    if matches!(fact, Fact::AttemptScheduled { .. }) {
        assert_eq!(id.number, latest.map_or(0, |attempt| attempt.number) + 1);
        assert!(latest.is_none_or(|attempt| !attempt.is_live() && attempt.unsettled().is_none()));
        assert!(execution.stop.is_none() && !run.actions.values().any(Attempt::has_failed));
    } else {
        let latest = latest.expect("only a scheduled attempt is told of");
        assert_eq!(id.number, latest.number);
        assert!(latest.is_live() || latest.unsettled().is_some(), "{fact:?} after its end");
        let mut after = state.clone();
        apply(&mut after, &Event { at: latest.scheduled_at, fact: fact.clone() });
        let status = after.executions[&id.execution].attempt(id).map(|attempt| attempt.status);
        assert!(!ends.contains(&latest.status) || status == Some(latest.status), "{fact:?} ends it twice");
    }
}

/// Nobody enters through a closed transition or, outside PARALLEL, beside another or before an older one.
fn an_entry_is_rightful(state: &State, execution: &Execution, stage: &StageName) {
    let rollback = execution.kind != ExecutionKind::Standard;
    assert!(rollback || !is_closed(state, stage), "{stage} is closed to {}", execution.id);
    if execution.mode != ExecutionMode::Parallel {
        assert!(occupied(state).iter().all(|(occupied, _)| *occupied != stage), "{stage} is occupied");
        let is_before = |other: &Execution| {
            let waits = matches!(&other.position, Position::Waiting { stage: place, .. } if place == stage);
            waits
                && other.mode != ExecutionMode::Parallel
                && other.stop.is_none()
                && other.sequence < execution.sequence
        };
        let overtaken = state.executions.values().find(|other| is_before(other));
        assert!(rollback || overtaken.is_none(), "{} overtakes {overtaken:?}", execution.id);
    }
}

fn is_closed(state: &State, stage: &StageName) -> bool {
    let known = state.pipeline.as_ref().and_then(|pipeline| pipeline.stages.get(stage));
    known.is_some_and(|known| known.disabled.is_some())
}

fn what_was_created_is_sent(before: &State, decision: &Decision, now: Timestamp) {
    let sent = to_send(before, decision, now);
    let distinct: BTreeSet<&Debt> = sent.iter().collect();
    assert_eq!(distinct.len(), sent.len(), "nothing is sent twice");
    for event in &decision.events {
        let Fact::AttemptScheduled { attempt, .. } = &event.fact else {
            continue;
        };
        let scheduled = decision.state.executions[&attempt.execution].attempt(attempt);
        if scheduled.is_some_and(|it| it.status == AttemptStatus::Scheduled && it.unsettled().is_none()) {
            assert!(sent.contains(&Debt::Dispatch { attempt: attempt.clone() }), "{attempt} is not sent");
        }
    }
    if decision.events.is_empty() {
        assert!(decision.unfinished.is_some() || sent == pending(&decision.state, now));
    }
}

/// A report of what a decision owes, decided with it: nothing differs from two decisions, but that it is owed no more.
fn what_was_done_ahead_is_like_what_was_done_at_once(walk: &Walk, before: &State, decision: &Decision) {
    let sent = to_send(before, decision, walk.now);
    for debt in &sent {
        let Debt::Dispatch { attempt } = debt else { continue };
        let report = Request::Report { attempt: attempt.clone(), report: Report::Succeeded(Box::default()) };
        let next = decide(&walk.definitions, &decision.state, &walk.numbered(report), walk.now);
        assert_eq!(next.rejection, None);
        let later = to_send(&decision.state, &next, walk.now);
        let Some(both) = decision.then(next.clone()) else {
            let events = decision.events.iter().chain(&next.events);
            let items: BTreeSet<Item> = events.flat_map(|event| event.fact.items()).collect();
            assert!(decision.unfinished.is_some() || items.len() > MAX_CHANGED_ITEMS);
            continue;
        };
        assert_eq!(both.state, next.state);
        let mut replayed = before.clone();
        both.events.iter().for_each(|event| apply(&mut replayed, event));
        assert_eq!(replayed, both.state);
        at_most_so_many_items_change(&both.events);
        if both.rejection.is_none() {
            what_was_created_is_sent(before, &both, walk.now);
            let both_sent = to_send(before, &both, walk.now);
            assert!(later.iter().all(|owed| both_sent.contains(owed)), "{later:?} in {both_sent:?}");
            assert!(!both_sent.contains(debt), "{debt:?} is done");
        }
    }
}

fn occupied(state: &State) -> Vec<(&StageName, &ExecutionId)> {
    let mut occupied = vec![];
    for execution in state.executions.values().filter(|it| it.mode != ExecutionMode::Parallel) {
        for run in &execution.stages {
            let inside = matches!(&execution.position, Position::In { stage } if *stage == run.name);
            if inside
                || run.actions.values().any(|attempt| attempt.is_live() || attempt.unsettled().is_some())
            {
                occupied.push((&run.name, &execution.id));
            }
        }
    }
    occupied
}

fn each_stage_has_one_occupant(state: &State) {
    let mut occupants = BTreeMap::new();
    for (stage, execution) in occupied(state) {
        if let Some(other) = occupants.insert(stage, execution) {
            panic!("{execution} and {other} are both in {stage}");
        }
    }
}

fn no_two_superseded_wait_at_one_boundary(state: &State) {
    let mut waiting = BTreeSet::new();
    for execution in state.executions.values() {
        let gives_way =
            execution.mode == ExecutionMode::Superseded && execution.kind == ExecutionKind::Standard;
        if let Position::Waiting { stage, .. } = &execution.position {
            assert!(!gives_way || waiting.insert(stage), "two wait before {stage}");
        }
    }
}

/// An attempt in flight, a wake-up, a closed transition or a person.
fn what_is_unfinished_is_moved_by_something(walk: &Walk) {
    for execution in walk.state.executions.values().filter(|execution| is_open(execution)) {
        match &execution.position {
            Position::Waiting { stage, .. } => {
                assert!(is_held(&walk.state, execution, stage), "{execution:?}");
            }
            Position::In { .. } => {
                let run = execution.current().expect("the stage was entered");
                assert!(run.actions.values().any(Attempt::is_live), "nothing moves {execution:?}");
                assert!(next_due(execution).is_some_and(|due| due > walk.now));
            }
            Position::Ended => assert!(next_due(execution).is_some_and(|due| due > walk.now)),
        }
    }
}

fn is_held(state: &State, execution: &Execution, stage: &StageName) -> bool {
    let closed = is_closed(state, stage) && execution.kind == ExecutionKind::Standard;
    let occupied = occupied(state).iter().any(|(occupied, _)| *occupied == stage);
    closed || occupied && execution.mode != ExecutionMode::Parallel
}

/// Once transitions are opened, work succeeds and people approve, every execution ends.
fn comes_to_an_end(walk: &mut Walk) {
    let stages: Vec<StageName> =
        walk.state.pipeline.iter().flat_map(|it| it.stages.keys().cloned()).collect();
    for stage in stages {
        decide_and_check(walk, &walk.numbered(Request::Enable { stage }), false);
    }
    for _ in 0..1000 {
        let live = walk.attempts(|attempt| attempt.is_live() || attempt.unsettled().is_some());
        let Some(attempt) = live.into_iter().next() else {
            break;
        };
        let request = if walk.is_approval(&attempt) {
            Request::Decide { attempt, approved: true, by: "ann".into(), comment: String::new() }
        } else {
            Request::Report { attempt, report: Report::Succeeded(Box::default()) }
        };
        decide_and_check(walk, &walk.numbered(request), false);
    }
    for execution in walk.state.executions.values() {
        assert!(!is_open(execution), "{execution:?} does not end");
        assert_eq!(pending(&walk.state, walk.now), []);
    }
}

fn replay_equals_state(walk: &Walk) {
    let mut replayed = State::default();
    for event in &walk.events {
        apply(&mut replayed, event);
    }
    assert_eq!(replayed, walk.state);
    let history = attempts(&walk.events);
    for execution in walk.state.executions.values() {
        for attempt in execution.stages.iter().flat_map(|run| run.actions.values()) {
            assert!(history.iter().any(|it| it.id.number == attempt.number
                && it.attempt == Attempt { again: it.attempt.again, ..attempt.clone() }));
        }
    }
}

fn everything_survives_storage(walk: &Walk) {
    survives(&walk.state.pipeline.as_deref().cloned());
    walk.state.executions.values().for_each(|execution| survives(&**execution));
    walk.events.iter().for_each(survives);
    walk.commands.iter().for_each(survives);
}

fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let stored = serde_json::to_string(value).expect("it can be stored");
    let read: T = serde_json::from_str(&stored).expect("it can be read");
    assert_eq!(&read, value, "{stored}");
}
