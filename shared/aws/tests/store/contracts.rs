//! The contract suites of the ports that the table is behind.

use std::sync::Arc;

use penstock_app::port::claims::Claims;
use penstock_app::port::clean_up::Walks;
use penstock_app::port::outputs::Outputs;
use penstock_app::port::revisions::Revisions;
use penstock_app::port::store::Store;
use penstock_testkit::contract::{
    claims_contract, outputs_contract, revisions_contract, store_contract, walks_contract,
};

use crate::bench::store;

#[tokio::test]
async fn the_table_keeps_the_stores_contract() {
    store_contract(async || Arc::new(store().await) as Arc<dyn Store>).await;
}

#[tokio::test]
async fn the_table_keeps_the_claims_contract() {
    claims_contract(async || Arc::new(store().await) as Arc<dyn Claims>).await;
}

#[tokio::test]
async fn the_table_keeps_the_outputs_contract() {
    outputs_contract(async || Arc::new(store().await) as Arc<dyn Outputs>).await;
}

#[tokio::test]
async fn the_table_keeps_the_revisions_contract() {
    revisions_contract(async || Arc::new(store().await) as Arc<dyn Revisions>).await;
}

#[tokio::test]
async fn the_table_keeps_the_walks_contract() {
    let places = ["artifacts/web/p-1/Größe + 1%.zip", "artifacts/web/p-2"];
    walks_contract(async || Arc::new(store().await) as Arc<dyn Walks>, &places).await;
}
