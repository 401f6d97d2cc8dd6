//! What a transition calls and writes, with and without history.

use penstock_aws::store::TableStore;
use penstock_model::id::PipelineName;
use penstock_testkit::build::{build, deploy, name, pipeline, source, start};

use crate::bench::{Plant, sdk, table};
use crate::meter::{Call, Meter, write_units};

fn five_stages() -> penstock_model::pipeline::Pipeline {
    pipeline("web")
        .stage("Source", [source("Fetch", "src").namespace("source")])
        .stage("Build", [build("Compile").consumes("src").produces("app").namespace("built")])
        .stage("Test", [build("Unit").consumes("src"), build("Browser").consumes("app")])
        .stage("Staging", [deploy("Roll").consumes("app")])
        .stage("Production", [deploy("Roll").consumes("app")])
        .build()
}

fn reads(calls: &[Call]) -> usize {
    calls
        .iter()
        .filter(|(operation, _)| matches!(operation.as_str(), "Query" | "BatchGetItem" | "GetItem"))
        .count()
}

#[tokio::test]
async fn a_transition_is_two_reads_and_one_transaction() {
    let meter = Meter::default();
    let plant = Plant::new(TableStore::new(&meter.on(&sdk()), &table().await));
    let web: PipelineName = name("web");
    plant.define(five_stages()).await;
    plant.run(&web, "start-0").await;
    meter.take();
    let (_, command) = start("start-1", &web);
    plant.transition.carry_out(command).await.unwrap();
    let calls = meter.take();
    let operations: Vec<&str> = calls.iter().map(|(operation, _)| operation.as_str()).collect();
    assert_eq!(operations, ["Query", "BatchGetItem", "TransactWriteItems"]);
}

#[tokio::test]
async fn an_execution_costs_the_same_with_history() {
    let meter = Meter::default();
    let plant = Plant::new(TableStore::new(&meter.on(&sdk()), &table().await));
    let web: PipelineName = name("web");
    plant.define(five_stages()).await;
    plant.run(&web, "start-0").await;
    let mut costs = vec![];
    for number in 1..12 {
        meter.take();
        plant.run(&web, &format!("start-{number}")).await;
        let calls = meter.take();
        println!("{} calls, {} reads, {} write units", calls.len(), reads(&calls), write_units(&calls));
        costs.push((calls.len(), reads(&calls), write_units(&calls)));
    }
    assert!(costs.iter().all(|cost| *cost == costs[0]), "{costs:?}");
}
