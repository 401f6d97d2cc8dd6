//! Commits: all or nothing, on versions, once.

use super::bench::{Bench, commit, definition, is_conflict};
use crate::build::name;

pub(super) async fn what_is_written_is_read(bench: &Bench) {
    bench.define("web").await;
    let (id, starting) = bench.starting("web", "start-1").await;
    bench.store.commit(starting).await.expect("starting");
    let snapshot = bench.load("web", &[]).await;
    assert_eq!(snapshot.versions.pipeline, 2, "defined, then changed by the admission");
    assert_eq!(snapshot.versions.executions[&id], 1);
    let execution = snapshot.state.executions[&id].clone();
    let read = bench.store.execution(&name("web"), &id).await.expect("reading").expect("the execution");
    assert_eq!(read, execution);
    assert_eq!(bench.store.pipeline_of(&id).await.expect("finding"), Some(name("web")));
    assert_eq!(bench.store.pipeline(&name("web")).await.expect("reading"), snapshot.state.pipeline);
    let read = bench.store.definition(&name("web"), execution.definition).await.expect("reading");
    assert_eq!(read.as_deref(), Some(&definition("web")));
    assert!(bench.load("api", &[]).await.state.pipeline.is_none(), "pipelines do not mix");
    assert_eq!(bench.store.execution(&name("api"), &id).await.expect("reading"), None);
}

pub(super) async fn another_version_is_a_conflict(bench: &Bench) {
    bench.define("web").await;
    let id = bench.start("web", "start-1").await;
    let ending = bench.ending(&id, "end-1").await;
    let (_, starting) = bench.starting("web", "start-2").await;
    let (_, meanwhile) = bench.starting("web", "start-3").await;
    bench.store.commit(meanwhile).await.expect("the first of two");
    let before = bench.everything("web").await;
    let mut both = starting;
    both.changes.extend(ending.changes.clone());
    assert!(is_conflict(&bench.store.commit(both).await), "the pipeline's item has changed");
    assert_eq!(bench.everything("web").await, before, "nothing of a conflicting commit is written");
    let mut late = ending;
    late.changes[0].expected = 0;
    assert!(is_conflict(&bench.store.commit(late.clone()).await), "version 0: must not exist");
    late.changes[0].expected = 7;
    assert!(is_conflict(&bench.store.commit(late).await), "a version that never was");
    assert_eq!(bench.everything("web").await, before);
}

pub(super) async fn a_landed_commit_counts_as_done(bench: &Bench) {
    let defining = bench.definition("web", "define-1").await;
    bench.store.commit(defining.clone()).await.expect("defining");
    bench.store.commit(defining.clone()).await.expect("the same commit again, its acknowledgement was lost");
    let starting = bench.delivering("web", "d-1").await;
    bench.store.commit(starting.clone()).await.expect("starting");
    let before = bench.everything("web").await;
    bench.store.commit(starting.clone()).await.expect("the same commit again");
    assert_eq!(bench.everything("web").await, before, "it is not written twice");
    let mut other = starting;
    other.command = name("somebody-else");
    assert!(is_conflict(&bench.store.commit(other).await), "another command's commit is another commit");
}

pub(super) async fn a_delivery_is_admitted_once(bench: &Bench) {
    bench.define("web").await;
    bench.define("api").await;
    let first = bench.delivering("web", "d-1").await;
    bench.store.commit(first).await.expect("the first");
    let (_, mut again) = bench.starting("web", "start-under-another-id").await;
    again.admission = Some(name("d-1"));
    let before = bench.everything("web").await;
    assert!(is_conflict(&bench.store.commit(again).await), "the delivery has been admitted");
    assert_eq!(bench.everything("web").await, before);
    let other = bench.delivering("api", "d-1").await;
    bench.store.commit(other).await.expect("another pipeline takes the same delivery");
}

pub(super) async fn a_definition_version_is_added_once(bench: &Bench) {
    let first = bench.definition("web", "define-1").await;
    let mut second = bench.definition("web", "define-2").await;
    bench.store.commit(first).await.expect("the first");
    assert!(is_conflict(&bench.store.commit(second.clone()).await), "the pipeline exists by now");
    second.changes[0].expected = 1;
    assert!(is_conflict(&bench.store.commit(second).await), "and so does its first version");
    bench.define("web").await;
    let snapshot = bench.load("web", &[]).await;
    assert_eq!(snapshot.state.pipeline.map(|state| state.definition.0), Some(2));
}

pub(super) async fn one_of_many_wins(bench: &Bench) {
    bench.define("web").await;
    let mut commits = vec![];
    for number in 0..16 {
        commits.push(bench.starting("web", &format!("start-{number}")).await.1);
    }
    let tasks: Vec<_> = commits
        .into_iter()
        .map(|commit| {
            let store = bench.store.clone();
            tokio::spawn(async move { store.commit(commit).await })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        let result = task.await.expect("a commit");
        assert!(result.is_ok() || is_conflict(&result), "{result:?}");
        won += usize::from(result.is_ok());
    }
    assert_eq!(won, 1, "of commits on the same version one wins");
}

pub(super) async fn what_cannot_be_decided_is_put_aside(bench: &Bench) {
    bench.store.quarantine("{\"id\":\"x\"}", "deciding panicked").await.expect("quarantining");
    bench.store.quarantine("{\"id\":\"x\"}", "deciding panicked").await.expect("quarantining the same again");
    bench.store.commit(commit(&name("web"), "nothing", vec![])).await.expect("a commit of nothing");
}
