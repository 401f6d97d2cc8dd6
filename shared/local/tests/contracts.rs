//! The adapters pass the contract suites of their ports.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::sync::{Arc, Mutex};

use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::claims::Claims;
use penstock_app::port::logs::Logs;
use penstock_app::port::outputs::Outputs;
use penstock_app::port::revisions::Revisions;
use penstock_app::port::store::Store;
use penstock_local::claims::ClaimJournal;
use penstock_local::database::Database;
use penstock_local::logs::LogFiles;
use penstock_local::objects::Objects;
use penstock_testkit::contract;
use tempfile::TempDir;

/// Folders that live as long as the suite.
#[derive(Default)]
struct Folders(Mutex<Vec<TempDir>>);

impl Folders {
    fn fresh(&self) -> std::path::PathBuf {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        self.0.lock().unwrap().push(folder);
        path
    }

    fn database(&self) -> Arc<Database> {
        Arc::new(Database::open(&self.fresh().join("penstock.db"), None).unwrap())
    }
}

#[tokio::test]
async fn sqlite_is_a_store() {
    let folders = Folders::default();
    contract::store_contract(async || folders.database() as Arc<dyn Store>).await;
}

#[tokio::test]
async fn sqlite_keeps_outputs() {
    let folders = Folders::default();
    contract::outputs_contract(async || folders.database() as Arc<dyn Outputs>).await;
}

#[tokio::test]
async fn the_journal_keeps_claims() {
    let folders = Folders::default();
    contract::claims_contract(async || {
        Arc::new(ClaimJournal::open(&folders.fresh().join("claims.jsonl")).unwrap()) as Arc<dyn Claims>
    })
    .await;
}

#[tokio::test]
async fn files_are_an_artifact_store() {
    let folders = Folders::default();
    contract::artifacts_contract(async || {
        Arc::new(Objects::open(&folders.fresh()).unwrap()) as Arc<dyn Artifacts>
    })
    .await;
}

#[tokio::test]
async fn files_keep_revisions() {
    let folders = Folders::default();
    contract::revisions_contract(async || {
        Arc::new(Objects::open(&folders.fresh()).unwrap()) as Arc<dyn Revisions>
    })
    .await;
}

#[tokio::test]
async fn files_are_logs() {
    let folders = Folders::default();
    contract::logs_contract(async |attempt, content: Vec<u8>| {
        let logs = LogFiles::new(&folders.fresh());
        std::io::Write::write_all(&mut logs.append(&attempt).unwrap(), &content).unwrap();
        Arc::new(logs) as Arc<dyn Logs>
    })
    .await;
}
