//! Every read of the table fails in every way: what is read is whole, or an error that passes.

use std::collections::BTreeMap;
use std::fmt::Debug;

use penstock_app::engine::state::External;
use penstock_app::port::PortError;
use penstock_app::port::approvers::{Approver, Approvers};
use penstock_app::port::claims::Claims;
use penstock_app::port::clean_up::{Walk, Walks};
use penstock_app::port::outputs::Outputs;
use penstock_app::port::queue::Message;
use penstock_app::port::store::Store;
use penstock_app::port::told::Told;
use penstock_aws::approvers::ApproverTable;
use penstock_aws::locator::Locator;
use penstock_aws::store::TableStore;
use penstock_aws::told::ToldTable;
use penstock_model::id::{AttemptId, DefinitionVersion, ExecutionId, PipelineName};
use penstock_model::time::Timestamp;
use penstock_testkit::build::{name, start};

use crate::bench::{EMULATOR, Plant, sdk, table};
use crate::connector::{Faults, every_fault};
use crate::faults::definition;

const LATER: Timestamp = Timestamp(4_000_000_000_000);
const STACK: &str = "arn:aws:cloudformation:us-east-1:111122223333:stack/web/1";

/// A table with an execution that has ended, one that is open, and something of all else that is read.
async fn filled() -> (String, ExecutionId, ExecutionId) {
    let table = table().await;
    let plant = Plant::new(TableStore::new(&sdk(), &table));
    let web: PipelineName = name("web");
    plant.define(definition("web")).await;
    let ended = plant.run(&web, "start-1").await.id.clone();
    let (open, command) = start("start-2", &web);
    plant.queue.put(Message::Command { command });
    plant.drain().await.unwrap();
    let attempt = extra(&ended);
    plant.store.started(&attempt, &External { id: STACK.to_owned(), url: None }).await.unwrap();
    Outputs::put(&plant.store, &attempt, &BTreeMap::from([("Answer".to_owned(), "42".to_owned())]))
        .await
        .unwrap();
    plant.store.quarantine("a command", "deciding panicked").await.unwrap();
    plant.store.remember(&Walk { began_at: Timestamp(5), next: Some("web/".to_owned()) }).await.unwrap();
    ToldTable::new(&sdk(), &table).remember("1#1", &["everyone".to_owned()].into()).await.unwrap();
    let topic_arn = "arn:aws:sns:us-east-1:111122223333:penstock-jo".to_owned();
    let jo = Approver {
        name: name("Jo"),
        email: "jo@example.com".to_owned(),
        topic_arn,
        pipelines: vec![web],
        generation: None,
    };
    ApproverTable::new(&sdk(), &table).add(&jo).await.unwrap();
    (table, ended, open)
}

fn extra(execution: &ExecutionId) -> AttemptId {
    name(&format!("{execution}/Build/Extra/1"))
}

/// All reads.
const READS: [&str; 17] = [
    "pipelines",
    "pipeline",
    "definition",
    "execution",
    "pipeline of",
    "executions",
    "records",
    "load",
    "due",
    "due since",
    "claim",
    "outputs",
    "quarantined",
    "walk",
    "locator",
    "approvers",
    "told",
];

/// What the read `called` gives, printed, by clients and caches of its own.
async fn read(called: &str, faults: &Faults, table: &str, ended: &ExecutionId) -> Result<String, PortError> {
    let (sdk, web, attempt): (_, PipelineName, _) = (faults.sdk(), name("web"), extra(ended));
    let store = TableStore::new(&sdk, table);
    Ok(match called {
        "pipelines" => printed(store.pipelines().await?.readable),
        "pipeline" => printed(store.pipeline(&web).await?),
        "definition" => printed(store.definition(&web, DefinitionVersion(1)).await?),
        "execution" => printed(store.execution(&web, ended).await?),
        "pipeline of" => printed(store.pipeline_of(ended).await?),
        "executions" => printed(store.executions(&web, None, 10).await?),
        "records" => printed(store.records(ended, 0, 1000).await?),
        "load" => {
            let found = store.load(&web, std::slice::from_ref(ended)).await?;
            printed((found.state, found.versions))
        }
        "due" => printed(store.due(LATER, true).await?),
        "due since" => printed(store.due_since(LATER).await?),
        "claim" => printed(store.look(&attempt).await?),
        "outputs" => printed(store.get(&attempt).await?),
        "quarantined" => printed(store.quarantined(10).await?),
        "walk" => printed(store.latest().await?),
        "locator" => printed(Locator::new(store).find(STACK).await?),
        "approvers" => printed(ApproverTable::new(&sdk, table).list().await?),
        "told" => printed(ToldTable::new(&sdk, table).of("1#1").await?),
        other => panic!("no read is called {other}"),
    })
}

fn printed(found: impl Debug) -> String {
    format!("{found:?}")
}

#[tokio::test]
async fn every_read_is_whole_whatever_fails() {
    let faults = Faults::over(&EMULATOR.url());
    let (table, ended, open) = filled().await;
    for called in READS {
        let expected = read(called, &faults, &table, &ended).await.unwrap();
        assert!(expected.len() > 2 && expected != "None", "{called} finds something: {expected}");
        if called == "executions" {
            assert!(expected.contains(open.as_str()), "{expected}");
        }
        every_fault(&faults, async |case| {
            let found = faults.until_done(async || read(called, &faults, &table, &ended).await).await;
            assert_eq!(found, expected, "{called}: {case}");
        })
        .await;
    }
}
