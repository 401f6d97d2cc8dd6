//! Reads: strongly consistent and complete.

use std::time::Duration;

use penstock_app::port::store::Pipelines;
use penstock_engine::next_due;
use penstock_model::id::{DefinitionVersion, ExecutionId, PipelineName};

use super::bench::{Bench, NOW, change_of, change_of_pipeline, commit};
use crate::build::name;

pub(super) async fn nothing_is_there_at_first(bench: &Bench) {
    let unknown: ExecutionId = name("2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607");
    let snapshot = bench.load("web", std::slice::from_ref(&unknown)).await;
    assert!(snapshot.state.pipeline.is_none() && snapshot.state.executions.is_empty());
    assert_eq!((snapshot.versions.pipeline, snapshot.versions.executions.len()), (0, 0));
    assert!(snapshot.definitions.is_empty());
    let store = &bench.store;
    assert_eq!(store.pipelines().await.expect("listing"), Pipelines::default());
    assert_eq!(store.pipeline(&name("web")).await.expect("reading"), None);
    assert_eq!(store.definition(&name("web"), DefinitionVersion(1)).await.expect("reading"), None);
    assert_eq!(store.pipeline_of(&unknown).await.expect("finding"), None);
    assert!(store.executions(&name("web"), None, 10).await.expect("listing").is_empty());
    assert!(store.records(&unknown, 0, 10).await.expect("records").is_empty());
    assert!(store.due(NOW, true).await.expect("due").is_empty());
}

pub(super) async fn open_and_named_executions_are_loaded(bench: &Bench) {
    bench.define("web").await;
    let (open, closed) = (bench.start("web", "start-1").await, bench.start("web", "start-2").await);
    bench.end(&closed).await;
    let snapshot = bench.load("web", &[]).await;
    assert!(snapshot.state.executions.contains_key(&open));
    assert!(!snapshot.state.executions.contains_key(&closed), "a closed execution is not loaded");
    assert!(!snapshot.versions.executions.contains_key(&closed));
    let snapshot = bench.load("web", &[closed.clone(), open.clone()]).await;
    assert_eq!(snapshot.state.executions.len(), 2, "unless it is named");
    assert_eq!(snapshot.versions.executions[&closed], 2);
    let mut reopened = (*snapshot.state.executions[&closed]).clone();
    reopened.status = snapshot.state.executions[&open].status;
    reopened.position = snapshot.state.executions[&open].position.clone();
    let change = change_of(&reopened, 2);
    bench.store.commit(commit(&name("web"), "reopen", vec![change])).await.expect("opening it again");
    assert_eq!(bench.load("web", &[]).await.state.executions.len(), 2, "an execution can be opened again");
}

pub(super) async fn last_successes_and_their_definitions_are_loaded(bench: &Bench) {
    bench.define("web").await;
    let id = bench.start("web", "start-1").await;
    bench.end(&id).await;
    let snapshot = bench.load("web", &[]).await;
    let mut state = (*snapshot.state.pipeline.expect("the pipeline")).clone();
    state.stages.values_mut().for_each(|stage| stage.last_success = Some(id.clone()));
    let change = change_of_pipeline(state, snapshot.versions.pipeline);
    bench.store.commit(commit(&name("web"), "success", vec![change])).await.expect("recording the success");
    bench.define("web").await;
    let snapshot = bench.load("web", &[]).await;
    assert!(snapshot.state.executions.contains_key(&id), "a stage's last success is loaded, closed or not");
    let versions: Vec<u32> = snapshot.definitions.keys().map(|version| version.0).collect();
    assert_eq!(versions, [1, 2], "the definitions that are pinned and the latest");
}

pub(super) async fn executions_come_newest_first(bench: &Bench) {
    bench.define("web").await;
    bench.define("api").await;
    let mut ids = vec![];
    for number in 0..5 {
        ids.push(bench.start("web", &format!("start-{number}")).await);
        bench.start("api", &format!("start-{number}")).await;
    }
    bench.end(&ids[1]).await;
    ids.reverse();
    let web: PipelineName = name("web");
    let page = bench.store.executions(&web, None, 3).await.expect("a page");
    assert_eq!(page.iter().map(|it| it.id.clone()).collect::<Vec<_>>(), ids[..3]);
    let rest = bench.store.executions(&web, Some(page[2].sequence), 10).await.expect("the next page");
    assert_eq!(rest.iter().map(|it| it.id.clone()).collect::<Vec<_>>(), ids[3..]);
}

pub(super) async fn records_come_oldest_first(bench: &Bench) {
    bench.define("web").await;
    let (id, starting) = bench.starting("web", "start-1").await;
    let own = |change: &&penstock_app::port::store::Change| change.expected == 0;
    let events = starting.changes.iter().find(own).expect("the execution's change").events.clone();
    bench.store.commit(starting).await.expect("starting");
    bench.start("web", "start-2").await;
    let records = bench.store.records(&id, 0, 10).await.expect("records");
    assert_eq!(records.len(), 1, "the other execution's records are its own");
    let record = &records[0];
    assert_eq!((record.version, record.at, record.command.as_str()), (1, NOW, "start-1"));
    assert_eq!((&record.pipeline, record.execution.as_ref()), (&name("web"), Some(&id)));
    assert_eq!(record.events, events);
    for version in 1..4 {
        let execution = (*bench.load("web", &[]).await.state.executions[&id]).clone();
        let mut change = change_of(&execution, version);
        change.events = events.clone();
        bench
            .store
            .commit(commit(&name("web"), &format!("change-{version}"), vec![change]))
            .await
            .expect("a change");
    }
    let versions = async |after, limit| {
        let records = bench.store.records(&id, after, limit).await.expect("records");
        records.iter().map(|record| record.version).collect::<Vec<_>>()
    };
    assert_eq!(versions(0, 10).await, [1, 2, 3, 4]);
    assert_eq!(versions(1, 2).await, [2, 3]);
    assert!(versions(4, 2).await.is_empty());
}

pub(super) async fn what_is_due_is_found(bench: &Bench) {
    bench.define("web").await;
    bench.define("api").await;
    let id = bench.start("web", "start-1").await;
    let execution = bench.load("web", &[]).await.state.executions[&id].clone();
    let at = next_due(&execution).expect("a dispatch is sent again one day");
    let due = async |now, all_open| bench.store.due(now, all_open).await.expect("due");
    assert!(due(NOW, false).await.is_empty());
    assert_eq!(due(at, false).await, [name::<PipelineName>("web")]);
    assert_eq!(due(at.plus(Duration::from_secs(60)), false).await, [name::<PipelineName>("web")]);
    assert_eq!(due(NOW, true).await, [name::<PipelineName>("web")], "all that are open");
    bench.end(&id).await;
    assert!(due(at, false).await.is_empty() && due(NOW, true).await.is_empty());
}

pub(super) async fn deleted_pipelines_are_not_listed(bench: &Bench) {
    bench.define("web").await;
    bench.define("api").await;
    let names = async || {
        let pipelines = bench.store.pipelines().await.expect("listing");
        pipelines.readable.iter().map(|state| state.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["api", "web"], "by name");
    let snapshot = bench.load("web", &[]).await;
    let mut state = (*snapshot.state.pipeline.expect("the pipeline")).clone();
    state.deleted = true;
    let change = change_of_pipeline(state, snapshot.versions.pipeline);
    bench.store.commit(commit(&name("web"), "delete", vec![change])).await.expect("deleting");
    assert_eq!(names().await, ["api"]);
    let kept = bench.store.pipeline(&name("web")).await.expect("reading").expect("the item stays");
    assert!(kept.deleted);
}
