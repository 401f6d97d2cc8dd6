//! A read that meets a transaction under way is made anew; what moves between two reads is found.

use penstock_app::engine::state::ExecutionStatus;
use penstock_app::port::store::{Change, Commit, ItemState, Store};
use penstock_aws::store::TableStore;
use penstock_model::id::PipelineName;
use penstock_testkit::build::{build, name, pipeline, source, start};
use serde_json::json;

use crate::bench::{Plant, items, put, sdk, table};

#[tokio::test]
async fn half_a_transaction_is_never_decided_on() {
    let table = table().await;
    let plant = Plant::new(TableStore::new(&sdk(), &table));
    let web: PipelineName = name("web");
    plant.define(pipeline("web").stage("Source", [source("Fetch", "src")]).build()).await;
    let (execution, command) = start("start-1", &web);
    plant.transition.carry_out(command).await.unwrap();
    let all = items(&table).await;
    let head = all.iter().find(|item| item["sk"]["S"] == "PIPELINE").unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(head["together"]["S"].as_str().unwrap()).unwrap(),
        json!([{ "execution": execution, "version": 1, "open": true }])
    );
    // As if another transaction had written the pipeline's item and not yet the execution.
    let mut ahead = head.clone();
    ahead["together"]["S"] =
        json!(json!([{ "execution": execution, "version": 2, "open": true }]).to_string());
    put(&table, &ahead).await;
    let error = plant.store.load(&web, &[]).await.unwrap_err();
    assert!(error.retryable, "{error}");
    let unknown = "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607";
    ahead["together"]["S"] = json!(json!([{ "execution": unknown, "version": 1, "open": true }]).to_string());
    put(&table, &ahead).await;
    assert!(
        plant.store.load(&web, &[]).await.unwrap_err().retryable,
        "one that was admitted has to be there"
    );
    put(&table, head).await;
    assert_eq!(plant.store.load(&web, &[]).await.unwrap().versions.executions[&execution], 1);
}

#[tokio::test]
async fn what_a_pipeline_was_written_with_may_have_closed_since() {
    let plant = Plant::new(crate::bench::store().await);
    let web: PipelineName = name("web");
    plant.define(pipeline("web").stage("Build", [build("Compile")]).build()).await;
    let (id, command) = start("start-1", &web);
    plant.transition.carry_out(command).await.unwrap();
    let snapshot = plant.store.load(&web, &[]).await.unwrap();
    let mut execution = (*snapshot.state.executions[&id]).clone();
    execution.status = ExecutionStatus::Failed;
    let item = ItemState::Execution { execution: execution.into(), open: false, next_due: None };
    let changes = vec![Change { expected: 1, item, events: vec![] }];
    let (admission, definition) = (None, None);
    let at = penstock_model::time::Timestamp(0);
    let commit = Commit { pipeline: web.clone(), command: name("close"), changes, admission, definition, at };
    plant.store.commit(commit).await.unwrap();
    let snapshot = plant.store.load(&web, &[]).await.unwrap();
    assert!(snapshot.state.executions.is_empty(), "the pipeline's item still names it as open");
}
