//! Pages, batches and the largest transactions and items.

use std::sync::Arc;

use penstock_app::engine::decide::MAX_CHANGED_ITEMS;
use penstock_app::engine::state::{Execution, ExecutionStatus};
use penstock_app::engine::{is_open, next_due};
use penstock_app::port::store::{Change, Commit, CommitError, ItemState, Store};
use penstock_aws::store::TableStore;
use penstock_model::id::{DefinitionVersion, ExecutionId, PipelineName};
use penstock_model::pipeline::ExecutionMode;
use penstock_model::time::Timestamp;
use penstock_testkit::build::{build, name, pipeline, start, start_from};
use penstock_testkit::dice::Dice;

use crate::bench::{Plant, store};

/// A text that hardly deflates.
fn noise(length: usize) -> String {
    let mut dice = Dice::new(7);
    (0..length).map(|_| char::from(b'!' + u8::try_from(dice.below(90)).unwrap())).collect()
}

/// A PARALLEL pipeline with so many open executions, each with a text of this length.
async fn crowd(count: usize, length: usize) -> (Plant, Vec<ExecutionId>) {
    let plant = Plant::new(store().await);
    let web: PipelineName = name("web");
    plant
        .define(pipeline("web").mode(ExecutionMode::Parallel).stage("Build", [build("Compile")]).build())
        .await;
    let mut ids = vec![];
    for number in 0..count {
        let (id, command) = start(&format!("start-{number}"), &web);
        let outcome = plant.transition.carry_out(command).await.unwrap();
        assert!(outcome.reply.rejection.is_none(), "{:?}", outcome.reply.rejection);
        enlarge(&plant.store, &id, length).await.unwrap();
        ids.push(id);
    }
    (plant, ids)
}

async fn enlarge(store: &TableStore, id: &ExecutionId, length: usize) -> Result<(), CommitError> {
    let mut execution = (*store.execution(&name("web"), id).await.unwrap().unwrap()).clone();
    execution.variables.insert("text".to_owned(), noise(length));
    store.commit(committing("enlarge", vec![change(execution, 1)])).await
}

fn change(execution: Execution, expected: u64) -> Change {
    let (open, next_due) = (is_open(&execution), next_due(&execution));
    let item = ItemState::Execution { execution: Arc::new(execution), open, next_due };
    Change { expected, item, events: vec![] }
}

fn committing(command: &str, changes: Vec<Change>) -> Commit {
    Commit {
        pipeline: name("web"),
        command: name(command),
        changes,
        admission: None,
        definition: None,
        at: Timestamp(1_700_000_000_000),
    }
}

#[tokio::test]
async fn more_than_a_page_is_read_whole() {
    // A page has at most 1 MB, a pipeline 50 open executions.
    let (plant, ids) = crowd(50, 40_000).await;
    let snapshot = plant.store.load(&name("web"), &[]).await.unwrap();
    assert_eq!(snapshot.state.executions.len(), 50);
    let page = plant.store.executions(&name("web"), None, 1000).await.unwrap();
    let newest_first: Vec<_> = ids.iter().rev().cloned().collect();
    assert_eq!(page.iter().map(|execution| execution.id.clone()).collect::<Vec<_>>(), newest_first);
    assert_eq!(plant.store.due(Timestamp(0), true).await.unwrap(), [name::<PipelineName>("web")]);
}

#[tokio::test]
async fn the_largest_decision_fits_in_one_transaction() {
    let (plant, ids) = crowd(MAX_CHANGED_ITEMS - 2, 10).await;
    let web: PipelineName = name("web");
    let snapshot = plant.store.load(&web, &[]).await.unwrap();
    let (_, command) = start_from("d-1", &web);
    let admitted =
        penstock_app::engine::decide(&snapshot.definitions, &snapshot.state, &command, Timestamp(0)).state;
    let mut changes: Vec<Change> = admitted
        .executions
        .values()
        .map(|execution| {
            let mut execution = (**execution).clone();
            let expected = snapshot.versions.executions.get(&execution.id).copied().unwrap_or(0);
            if expected > 0 {
                execution.status = ExecutionStatus::Stopped;
                execution.stages.clear();
            }
            change(execution, expected)
        })
        .collect();
    assert_eq!(changes.len(), MAX_CHANGED_ITEMS - 1);
    let item = ItemState::Pipeline(admitted.pipeline.unwrap());
    changes.push(Change { expected: snapshot.versions.pipeline, item, events: vec![] });
    // Every item also gets a record.
    let event = penstock_app::engine::event::Event {
        at: Timestamp(0),
        fact: penstock_app::engine::event::Fact::Deleted,
    };
    changes.iter_mut().for_each(|change| change.events = vec![event.clone()]);
    let added = plant.store.definition(&web, DefinitionVersion(1)).await.unwrap().unwrap();
    let commit = Commit {
        admission: Some(name("d-1")),
        definition: Some((DefinitionVersion(2), added)),
        ..committing("all-at-once", changes)
    };
    plant.store.commit(commit.clone()).await.unwrap();
    plant.store.commit(commit).await.expect("it has landed");
    let snapshot = plant.store.load(&web, &[]).await.unwrap();
    assert_eq!(snapshot.state.executions.len(), 1, "all others are closed");
    for id in &ids {
        assert_eq!(plant.store.records(id, 2, 10).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn an_item_that_is_too_large_is_refused_for_good() {
    let (plant, ids) = crowd(1, 10).await;
    let execution = plant.store.execution(&name("web"), &ids[0]).await.unwrap().unwrap();
    let mut large = (*execution).clone();
    large.variables.insert("text".to_owned(), noise(600_000));
    let refused = plant.store.commit(committing("large", vec![change(large, 2)])).await;
    let Err(CommitError::Port(error)) = refused else {
        panic!("{refused:?}");
    };
    assert!(!error.retryable && error.message.contains("409600"), "{error}");
    assert_eq!(plant.store.execution(&name("web"), &ids[0]).await.unwrap(), Some(execution));
}

#[tokio::test]
async fn what_is_put_aside_can_be_read() {
    let store = store().await;
    let long = noise(500_000);
    store.quarantine(&long, "deciding panicked").await.unwrap();
    store.quarantine(&long, "deciding panicked").await.unwrap();
    let found = store.quarantined(10).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].reason, "deciding panicked");
    assert_eq!(found[0].what, long[..300 * 1024]);
}
