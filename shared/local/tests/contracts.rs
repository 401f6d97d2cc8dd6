//! The adapters pass the contract suites of their ports.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::sync::{Arc, Mutex};

use penstock_app::error::AppError;
use penstock_app::port::PortError;
use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::claims::Claims;
use penstock_app::port::clean_up::Walks;
use penstock_app::port::logs::Logs;
use penstock_app::port::notifier::Notifier;
use penstock_app::port::outputs::Outputs;
use penstock_app::port::queue::{Message, Queue};
use penstock_app::port::revisions::Revisions;
use penstock_app::port::secrets::Secrets;
use penstock_app::port::store::Store;
use penstock_local::claims::ClaimJournal;
use penstock_local::database::Database;
use penstock_local::logs::LogFiles;
use penstock_local::notices::Notices;
use penstock_local::objects::Objects;
use penstock_local::queue::{Handler, MemoryQueue};
use penstock_local::secrets::MachineSecrets;
use penstock_testkit::contract;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

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

#[tokio::test]
async fn sqlite_remembers_walks() {
    let folders = Folders::default();
    contract::walks_contract(async || folders.database() as Arc<dyn Walks>, &[]).await;
}

#[tokio::test]
async fn a_file_holds_secrets() {
    let folders = Folders::default();
    let make = async |values: &[&str]| {
        let (folder, names) = (folders.fresh(), (0..values.len()).map(|number| format!("app/db-{number}")));
        let secrets: serde_json::Map<_, _> =
            names.clone().zip(values.iter().map(|value| (*value).into())).collect();
        let file = folder.join("secrets.yml");
        std::fs::write(&file, serde_json::json!({ "secrets": secrets }).to_string()).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        (Arc::new(MachineSecrets::new(&folder)) as Arc<dyn Secrets>, names.collect())
    };
    contract::secrets_contract(make, false).await;
}

#[tokio::test]
async fn a_file_of_notices_tells() {
    let folders = Folders::default();
    contract::notifier_contract(async || {
        let folder = folders.fresh();
        let (file, mut known) = (folder.join("notifications.jsonl"), 0);
        let told = async move || {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let lines: Vec<_> =
                text.lines().skip(known).map(|line| serde_json::from_str(line).unwrap()).collect();
            known += lines.len();
            lines
        };
        (Arc::new(Notices::new(&folder, None, None).unwrap()) as Arc<dyn Notifier>, told)
    })
    .await;
}

/// Hands on what it gets, each message at its second delivery.
struct SecondTime {
    seen: Mutex<Vec<Message>>,
    handed_on: UnboundedSender<Message>,
}

impl Handler for SecondTime {
    async fn handle(&self, message: Message) -> Result<(), AppError> {
        let mut seen = self.seen.lock().unwrap();
        if !seen.contains(&message) {
            seen.push(message);
            return Err(PortError::transient("not at the first time").into());
        }
        self.handed_on.send(message).map_err(|error| PortError::permanent(error.to_string()).into())
    }
}

fn memory_queue() -> (MemoryQueue<SecondTime>, Arc<SecondTime>, UnboundedReceiver<Message>) {
    let (handed_on, received) = unbounded_channel();
    (MemoryQueue::default(), Arc::new(SecondTime { seen: Mutex::default(), handed_on }), received)
}

#[tokio::test]
async fn memory_is_a_queue() {
    contract::queue_contract(async || {
        let (queue, handler, mut received) = memory_queue();
        queue.serve(handler);
        (Arc::new(queue) as Arc<dyn Queue>, async move || received.recv().await)
    })
    .await;
}

#[tokio::test]
async fn what_is_sent_before_anybody_serves_arrives_too() {
    contract::queue_contract(async || {
        let (queue, handler, mut received) = memory_queue();
        let (sender, mut handler) = (queue.clone(), Some(handler));
        let receive = async move || {
            if let Some(handler) = handler.take() {
                queue.serve(handler);
            }
            received.recv().await
        };
        (Arc::new(sender) as Arc<dyn Queue>, receive)
    })
    .await;
}
