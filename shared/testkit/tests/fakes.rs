//! The fakes pass the suites that the real adapters pass.

use std::sync::Arc;

use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::claims::Claims;
use penstock_app::port::logs::Logs;
use penstock_app::port::outputs::Outputs;
use penstock_app::port::queue::Queue;
use penstock_app::port::revisions::Revisions;
use penstock_app::port::store::Store;
use penstock_testkit::contract::{
    approvers_contract, artifacts_contract, claims_contract, logs_contract, outputs_contract, queue_contract,
    revisions_contract, store_contract,
};
use penstock_testkit::fake::{
    MemoryApprovers, MemoryArtifacts, MemoryClaims, MemoryLogs, MemoryOutputs, MemoryQueue, MemoryRevisions,
    MemoryStore,
};

#[tokio::test]
async fn store() {
    store_contract(async || Arc::new(MemoryStore::default()) as Arc<dyn Store>).await;
}

#[tokio::test]
async fn claims() {
    claims_contract(async || Arc::new(MemoryClaims::default()) as Arc<dyn Claims>).await;
}

#[tokio::test]
async fn outputs() {
    outputs_contract(async || Arc::new(MemoryOutputs::default()) as Arc<dyn Outputs>).await;
}

#[tokio::test]
async fn artifacts() {
    artifacts_contract(async || Arc::new(MemoryArtifacts::default()) as Arc<dyn Artifacts>).await;
}

#[tokio::test]
async fn logs() {
    logs_contract(async |attempt, bytes| {
        let logs = MemoryLogs::default();
        logs.append(&attempt, &bytes);
        Arc::new(logs) as Arc<dyn Logs>
    })
    .await;
}

#[tokio::test]
async fn queue() {
    queue_contract(async || {
        let queue = Arc::new(MemoryQueue::default());
        let receiver = queue.clone();
        (queue as Arc<dyn Queue>, async move || receiver.take())
    })
    .await;
}

#[tokio::test]
async fn approvers() {
    approvers_contract(&MemoryApprovers::default()).await;
}

#[tokio::test]
async fn revisions() {
    revisions_contract(async || Arc::new(MemoryRevisions::default()) as Arc<dyn Revisions>).await;
}
