//! Every call to the table fails in every way: nothing is lost, nothing is done twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use penstock_app::engine::apply;
use penstock_app::engine::state::{ExecutionStatus, External, State};
use penstock_app::port::claims::{Claim, Claims, Standing};
use penstock_app::port::outputs::Outputs;
use penstock_app::port::queue::Message;
use penstock_app::port::store::{Record, Store};
use penstock_aws::locator::{Located, Locator};
use penstock_aws::store::TableStore;
use penstock_model::id::{AttemptId, ExecutionId, PipelineName};
use penstock_model::pipeline::Pipeline;
use penstock_model::time::Timestamp;
use penstock_testkit::build::{build, name, pipeline, source, start_from};

use crate::bench::{EMULATOR, Plant, sdk, table};
use crate::connector::{Faults, every_fault};

pub(crate) fn definition(called: &str) -> Pipeline {
    pipeline(called)
        .stage("Source", [source("Fetch", "src")])
        .stage("Build", [build("Compile").consumes("src").namespace("built")])
        .build()
}

#[tokio::test]
async fn an_execution_ends_once_whatever_fails() {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let table = table().await;
    let sound = TableStore::new(&sdk(), &table);
    let faults = Faults::over(&EMULATOR.url());
    let faulty = faults.sdk();
    every_fault(&faults, async |case| {
        let pipeline: PipelineName = name(&format!("web-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        Plant::new(sound.clone()).define(definition(pipeline.as_str())).await;
        let plant = Plant::new(TableStore::new(&faulty, &table));
        // Not in the past: once a minute the emulator removes what has expired, and claims would be free again.
        plant.clock.set(present());
        let (execution, command) = start_from("d-1", &pipeline);
        plant.queue.put(Message::Command { command });
        faults.until_done(async || plant.settle(&pipeline, &execution).await).await;
        assert_eq!(plant.provider.started_twice(), [], "{case}");
        assert_eq!(plant.provider.started().len(), 2, "{case}");
        check(&sound, &pipeline, &execution, &case).await;
    })
    .await;
}

fn present() -> Timestamp {
    Timestamp(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis().try_into().unwrap())
}

/// What is stored is what its history says, and the history says everything once.
async fn check(store: &TableStore, pipeline: &PipelineName, id: &ExecutionId, case: &str) {
    let execution = store.execution(pipeline, id).await.unwrap().unwrap();
    assert_eq!(execution.status, ExecutionStatus::Succeeded, "{case}");
    let records = store.records(id, 0, 1000).await.unwrap();
    assert_eq!(replayed(&records).executions.get(id), Some(&execution), "{case}");
    assert!(records.windows(2).all(|two| two[0].version < two[1].version), "{case}");
    let attempts = execution.stages.iter().flat_map(|run| run.actions.values());
    assert!(attempts.clone().all(|attempt| attempt.number == 1), "{case}");
    let page = store.executions(pipeline, None, 10).await.unwrap();
    assert_eq!(page, [execution], "{case}");
    let snapshot = store.load(pipeline, &[]).await.unwrap();
    assert_eq!(snapshot.versions.executions.len(), 1, "{case}: as its last success");
    let built: AttemptId = name(&format!("{id}/Build/Compile/1"));
    let variables = store.get(&built).await.unwrap();
    assert_eq!(variables["Attempt"], built.to_string(), "{case}");
}

/// The state that the records lead to.
pub(crate) fn replayed(records: &[Record]) -> State {
    let mut state = State::default();
    records.iter().flat_map(|record| &record.events).for_each(|event| apply(&mut state, event));
    state
}

/// Whether the answer may be lost for the caller too: the repetition then finds its own claim as another's, which
/// expires.
fn may_be_unseen(case: &str) -> bool {
    case.contains("for good") || case.contains("BrokenOff")
}

#[tokio::test]
async fn claims_are_taken_once_whatever_fails() {
    let faults = Faults::over(&EMULATOR.url());
    let store = TableStore::new(&faults.sdk(), &table().await);
    let number = AtomicU32::new(1);
    let at = |seconds: i64| Timestamp(1_700_000_000_000 + seconds * 1000);
    every_fault(&faults, async |case| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let attempt: AttemptId =
            name(&format!("2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Build/Compile/{number}"));
        let claim = faults.until_done(async || store.claim(&attempt, at(0), at(60)).await).await;
        let unseen = claim == Claim::Held { until: at(60) };
        assert!(claim == Claim::Taken || unseen && may_be_unseen(&case), "{case}: {claim:?}");
        assert_eq!(store.look(&attempt).await.unwrap(), Standing::Claimed { until: at(60) }, "{case}");
    })
    .await;
}

#[tokio::test]
async fn a_taken_over_claim_is_known_as_one_whatever_fails() {
    let faults = Faults::over(&EMULATOR.url());
    let table = table().await;
    let store = TableStore::new(&faults.sdk(), &table);
    let sound = TableStore::new(&sdk(), &table);
    let number = AtomicU32::new(1);
    let at = |seconds: i64| Timestamp(1_700_000_000_000 + seconds * 1000);
    every_fault(&faults, async |case| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let attempt: AttemptId =
            name(&format!("2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Build/Compile/{number}"));
        assert_eq!(sound.claim(&attempt, at(0), at(60)).await.unwrap(), Claim::Taken, "{case}");
        let claim = faults.until_done(async || store.claim(&attempt, at(60), at(120)).await).await;
        let unseen = claim == Claim::Held { until: at(120) };
        assert!(claim == Claim::TakenOver || unseen && may_be_unseen(&case), "{case}: {claim:?}");
    })
    .await;
}

#[tokio::test]
async fn a_claim_is_renewed_and_cancelled_once_whatever_fails() {
    let faults = Faults::over(&EMULATOR.url());
    let table = table().await;
    let store = TableStore::new(&faults.sdk(), &table);
    let sound = TableStore::new(&sdk(), &table);
    let number = AtomicU32::new(1);
    let at = |seconds: i64| Timestamp(1_700_000_000_000 + seconds * 1000);
    every_fault(&faults, async |case| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let attempt = |action| -> AttemptId {
            name(&format!("2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Build/{action}/{number}"))
        };
        sound.claim(&attempt("Renewed"), at(0), at(60)).await.unwrap();
        let both = faults.until_done(async || {
            let renewed = store.renew(&attempt("Renewed"), at(60), at(90)).await?;
            Ok((renewed, store.cancel(&attempt("Cancelled"), at(0)).await?))
        });
        let (renewed, cancelled) = both.await;
        assert!(renewed || may_be_unseen(&case), "{case}");
        assert!(cancelled == Claim::Taken || may_be_unseen(&case), "{case}: {cancelled:?}");
        let renewed = sound.look(&attempt("Renewed")).await.unwrap();
        assert_eq!(renewed, Standing::Claimed { until: at(90) }, "{case}");
        assert_eq!(sound.look(&attempt("Cancelled")).await.unwrap(), Standing::Cancelled, "{case}");
    })
    .await;
}

#[tokio::test]
async fn what_is_started_is_found_and_outputs_are_kept_whatever_fails() {
    let faults = Faults::over(&EMULATOR.url());
    let table = table().await;
    let sound = Plant::new(TableStore::new(&sdk(), &table));
    let pipeline: PipelineName = name("web");
    sound.define(definition("web")).await;
    let execution = sound.run(&pipeline, "start-1").await;
    let store = TableStore::new(&faults.sdk(), &table);
    let locator = Locator::new(store.clone());
    let number = AtomicU32::new(1);
    every_fault(&faults, async |case| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let attempt: AttemptId = name(&format!("{}/Build/Extra/{number}", execution.id));
        let url = number.is_multiple_of(2).then(|| "https://ci.example/1".to_owned());
        // Of these the attempt's token is an id too.
        let arn = format!("arn:aws:cloudformation:us-east-1:111122223333:stack/web/{number}");
        let external = External { id: arn, url };
        let variables = BTreeMap::from([("Answer".to_owned(), "42".repeat(200))]);
        faults
            .until_done(async || {
                Outputs::put(&store, &attempt, &variables).await?;
                store.started(&attempt, &external).await
            })
            .await;
        assert_eq!(store.look(&attempt).await.unwrap(), Standing::Started { external: external.clone() });
        assert_eq!(store.get(&attempt).await.unwrap(), variables, "{case}");
        for id in [external.id, attempt.token()] {
            let located = locator.find(&id).await.unwrap();
            let expected = Located { pipeline: pipeline.clone(), attempt: attempt.clone() };
            assert_eq!(located, Some(expected), "{case}: {id}");
        }
    })
    .await;
    let attempt: AttemptId = name(&format!("{}/Build/Plain/1", execution.id));
    store.started(&attempt, &External { id: "compile:1".to_owned(), url: None }).await.unwrap();
    assert!(locator.find("compile:1").await.unwrap().is_some());
    assert_eq!(
        locator.find(&attempt.token()).await.unwrap(),
        None,
        "one item is enough where the id is its own"
    );
    assert_eq!(locator.find("somebody else's").await.unwrap(), None);
}
