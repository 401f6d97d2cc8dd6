//! Small writes to the table fail in every way: what they leave is what was meant, once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use penstock_app::engine::command::DefineMode;
use penstock_app::error::AppError;
use penstock_app::port::approvers::{Approver, Approvers, Generation};
use penstock_app::port::claims::Claims;
use penstock_app::port::outputs::Outputs;
use penstock_app::port::revisions::Revisions;
use penstock_app::port::store::Store;
use penstock_aws::approvers::ApproverTable;
use penstock_aws::cursor::Cursors;
use penstock_aws::queue::Tries;
use penstock_aws::store::TableStore;
use penstock_model::id::{AttemptId, CommandId, DefinitionVersion, PipelineName};
use penstock_model::time::Timestamp;
use penstock_testkit::build::name;

use crate::bench::{EMULATOR, Plant, sdk, table};
use crate::connector::{Faults, every_fault};
use crate::faults::definition;

/// A number that no other case has.
fn fresh() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn attempt() -> AttemptId {
    name(&format!("2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Build/Compile/{}", fresh()))
}

/// The table's store with faults, and one without.
async fn stores() -> (Faults, TableStore, TableStore) {
    let (faults, table) = (Faults::over(&EMULATOR.url()), table().await);
    let store = TableStore::new(&faults.sdk(), &table);
    (faults, store, TableStore::new(&sdk(), &table))
}

#[tokio::test]
async fn a_try_that_was_begun_is_known_until_it_ends() {
    let (faults, store, sound) = stores().await;
    every_fault(&faults, async |case| {
        let message = format!("message-{}", fresh());
        let begun = faults.until_done(async || {
            store.begin(&message, 2).await?;
            store.broken_off(&message).await
        });
        assert_eq!(begun.await, 3, "{case}");
        sound.end(&message, 2).await.unwrap();
        assert_eq!(sound.broken_off(&message).await.unwrap(), 2, "{case}");
    })
    .await;
    every_fault(&faults, async |case| {
        let message = format!("message-{}", fresh());
        sound.begin(&message, 0).await.unwrap();
        faults.until_done(async || store.end(&message, 0).await).await;
        assert_eq!(sound.broken_off(&message).await.unwrap(), 0, "{case}");
    })
    .await;
}

#[tokio::test]
async fn what_is_put_aside_is_kept_once() {
    let (faults, store, sound) = stores().await;
    every_fault(&faults, async |case| {
        let command = format!("command {}", fresh());
        faults.until_done(async || store.quarantine(&command, "deciding panicked").await).await;
        let aside = sound.quarantined(1000).await.unwrap();
        assert_eq!(aside.iter().filter(|it| it.what == command).count(), 1, "{case}");
    })
    .await;
}

#[tokio::test]
async fn an_attempt_keeps_to_its_first_revision() {
    let (faults, store, sound) = stores().await;
    every_fault(&faults, async |case| {
        let attempt = attempt();
        let kept = faults.until_done(async || store.keep_to(&attempt, "c0ffee").await).await;
        assert_eq!(kept, "c0ffee", "{case}");
        assert_eq!(sound.keep_to(&attempt, "f00d").await.unwrap(), "c0ffee", "{case}");
    })
    .await;
}

#[tokio::test]
async fn work_goes_on_from_the_farthest_place() {
    let (faults, store, sound) = stores().await;
    every_fault(&faults, async |case| {
        let attempt = attempt();
        sound.claim(&attempt, Timestamp(1_700_000_000_000), Timestamp(1_700_000_060_000)).await.unwrap();
        sound.advance(&attempt, 3).await.unwrap();
        faults.until_done(async || store.advance(&attempt, 7).await).await;
        assert_eq!(Cursors::read(&sound, &attempt).await.unwrap(), 7, "{case}");
        let read = faults.until_done(async || {
            store.advance(&attempt, 5).await?;
            Cursors::read(&store, &attempt).await
        });
        assert_eq!(read.await, 7, "{case}: it never goes back");
    })
    .await;
}

#[tokio::test]
async fn outputs_that_are_written_anew_count() {
    let (faults, store, sound) = stores().await;
    let variables = |value: &str| BTreeMap::from([("Answer".to_owned(), value.to_owned())]);
    every_fault(&faults, async |case| {
        let attempt = attempt();
        Outputs::put(&sound, &attempt, &variables("41")).await.unwrap();
        faults.until_done(async || store.replace(&attempt, &variables("42")).await).await;
        assert_eq!(sound.get(&attempt).await.unwrap(), variables("42"), "{case}");
    })
    .await;
}

#[tokio::test]
async fn a_definition_becomes_one_version() {
    let (faults, store, sound) = stores().await;
    let plant = Plant::new(store);
    every_fault(&faults, async |case| {
        let web: PipelineName = name(&format!("web-{}", fresh()));
        let id: CommandId = name(&format!("define-{web}"));
        let defined = faults.until_done(async || {
            let pipeline = definition(web.as_str());
            match plant.transition.define(pipeline, DefineMode::Create, id.clone()).await {
                Ok(version) => Ok(version),
                Err(AppError::Port(error)) => Err(error),
                // The try before it has defined it.
                Err(AppError::Rejected(_)) => Ok(DefinitionVersion(1)),
                Err(other) => panic!("{case}: {other}"),
            }
        });
        let defined = defined.await;
        let state = sound.pipeline(&web).await.unwrap().unwrap();
        assert_eq!((defined, state.definition), (DefinitionVersion(1), DefinitionVersion(1)), "{case}");
        let stored = sound.definition(&web, defined).await.unwrap().unwrap();
        assert_eq!(*stored, definition(web.as_str()), "{case}");
    })
    .await;
}

#[tokio::test]
async fn an_approver_is_added_and_removed() {
    let (faults, table) = (Faults::over(&EMULATOR.url()), table().await);
    let (approvers, sound) = (ApproverTable::new(&faults.sdk(), &table), ApproverTable::new(&sdk(), &table));
    let jo = Approver {
        name: name("Jo"),
        email: "jo@example.com".to_owned(),
        topic_arn: "arn:aws:sns:us-east-1:111122223333:penstock-jo".to_owned(),
        pipelines: vec![name("web")],
        generation: Some(Generation::new("a1").unwrap()),
    };
    every_fault(&faults, async |case| {
        faults.until_done(async || approvers.add(&jo).await).await;
        assert_eq!(sound.list().await.unwrap(), std::slice::from_ref(&jo), "{case}");
    })
    .await;
    every_fault(&faults, async |case| {
        sound.add(&jo).await.unwrap();
        // Whether there was one is not known where the answer was lost; that there is none any more is.
        faults.until_done(async || approvers.remove(&jo.name).await).await;
        assert_eq!(sound.list().await.unwrap(), [], "{case}");
    })
    .await;
}
