//! One execution from its start to its end over this machine's store, outputs and claims, once for each call that fails and each way
//! in which it can: before, after the fact, with and without a restart afterwards; and on a disk that runs full.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use penstock_app::control::StartRequest;
use penstock_app::engine::state::ExecutionStatus;
use penstock_model::id::{AttemptId, ExecutionId};
use penstock_testkit::build::{approval, build, deploy, name, pipeline, source};
use penstock_testkit::fake::{Conduct, FakeProvider};
use penstock_testkit::fault::{Fault, Faults, Faulty};
use penstock_testkit::installation::{Fakes, Installation, Ports};

use crate::claims::ClaimJournal;
use crate::database::Database;

/// More rounds than any single fault needs to heal.
const ROUNDS: usize = 40;

/// A folder, what lies outside of the machine, and the machine's process.
struct Scene {
    folder: tempfile::TempDir,
    fakes: Fakes,
    faults: Arc<Faults>,
    process: Installation,
    database: Arc<Database>,
    /// The call after which the process is restarted.
    restart_after: Option<usize>,
    /// What was acknowledged to whoever started the execution.
    execution: Option<ExecutionId>,
}

impl Scene {
    fn new(faults: Arc<Faults>, restart_after: Option<usize>, room: Option<i64>) -> Self {
        let fakes = Fakes::new(FakeProvider::new(|work| match work.attempt.stage.as_str() {
            "Build" => Conduct::Runs,
            _ => Conduct::Succeeds,
        }));
        let folder = tempfile::tempdir().unwrap();
        let (process, database) = process(folder.path(), &fakes, &faults, room);
        Self { folder, fakes, faults, process, database, restart_after, execution: None }
    }

    /// What a server that starts in the folder does: old claims expire, and everything open is taken up.
    async fn restart(&mut self) {
        self.database.close().await;
        while self.fakes.queue.take().is_some() {}
        (self.process, self.database) = process(self.folder.path(), &self.fakes, &self.faults, None);
        if let Some(execution) = &self.execution {
            let known = self.process.query.raw_execution(&name("web"), execution).await;
            assert!(known.is_ok(), "a start that was acknowledged is lost: {known:?}");
        }
        self.process.sweep.recover().await.unwrap();
    }

    /// One try of everything that anybody wants; what fails is tried again in the next round.
    async fn round(&mut self) {
        if self.execution.is_none() {
            let definition = pipeline("web")
                .stage("Source", [source("Fetch", "src").namespace("Src")])
                .stage(
                    "Build",
                    [build("Compile").consumes("src").produces("site").set("Of", "#{Src.CommitId}")],
                )
                .stage("Release", [approval("Sign-off"), deploy("Ship").consumes("site").order(2)])
                .build();
            // It may have been created though nobody heard of it.
            drop(self.process.control.create(definition, "alice").await);
            let request =
                StartRequest { token: Some("t-1".to_owned()), ..StartRequest::by(name("web"), "alice") };
            self.execution = self.process.control.start(request).await.ok();
        }
        self.work().await;
        for work in self.fakes.provider.running() {
            let ending = FakeProvider::success(&work);
            self.fakes.provider.finish(&work.attempt, ending.clone());
            drop(self.process.dispatch.report(&work.pipeline, &work.attempt, ending).await);
        }
        self.approve().await;
        self.work().await;
        if self.restart_after.is_some_and(|call| self.faults.calls() > call) {
            self.restart_after = None;
            self.restart().await;
        }
    }

    /// Messages are handled until there are no more; one that fails comes again later.
    async fn work(&self) {
        let mut later = vec![];
        while let Some(message) = self.fakes.queue.take() {
            if let Err(error) = self.process.worker.handle(message.clone()).await {
                assert!(error.is_retryable(), "a message is given up: {error}");
                later.push(message);
            }
        }
        later.into_iter().for_each(|message| self.fakes.queue.put(message));
    }

    async fn approve(&self) {
        let Some(execution) = self.execution.clone() else { return };
        let attempt = AttemptId { execution, stage: name("Release"), action: name("Sign-off"), number: 1 };
        let token = self.process.approvals.link_token(&attempt);
        // It may not be asked for yet, or be decided already.
        drop(self.process.approvals.decide(&token, true, "bob", "").await);
    }

    async fn has_succeeded(&self) -> bool {
        let Some(id) = &self.execution else { return false };
        let execution = self.process.query.raw_execution(&name("web"), id).await;
        execution.is_ok_and(|execution| execution.status == ExecutionStatus::Succeeded)
    }

    /// Goes on until it has succeeded; how many calls were made.
    async fn run(&mut self) -> usize {
        for _ in 0..ROUNDS {
            self.round().await;
            if self.has_succeeded().await {
                let calls = self.faults.calls();
                self.check().await;
                return calls;
            }
            self.fakes.clock.advance(Duration::from_secs(61));
            // What fails here is due again.
            drop(self.process.sweep.run(false).await);
        }
        panic!("it never succeeds");
    }

    /// A server that starts afterwards sees one execution, in which everything was done once.
    async fn check(&mut self) {
        self.database.close().await;
        let (desk, _database) = process(self.folder.path(), &self.fakes, &Faults::new(0, 0), None);
        let execution = self.execution.as_ref().unwrap();
        assert_eq!(self.fakes.provider.started_twice(), []);
        let history = desk.query.attempts(&name("web"), execution).await.unwrap();
        assert!(history.iter().all(|known| known.id.number == 1), "attempted again: {history:#?}");
        assert_eq!(history.len(), 4);
        let executions = desk.query.executions(&name("web"), None, 10).await.unwrap();
        assert_eq!(executions.len(), 1, "the repeated start is the same one");
    }
}

/// A process in `folder` whose calls fail as `faults` has it; `room` is how many pages the disk has left.
fn process(
    folder: &Path,
    fakes: &Fakes,
    faults: &Arc<Faults>,
    room: Option<i64>,
) -> (Installation, Arc<Database>) {
    let path = folder.join("penstock.db");
    let database = Arc::new(match room {
        Some(pages) => Database::open_with_room(&path, pages).unwrap(),
        None => Database::open(&path, None).unwrap(),
    });
    let claims = ClaimJournal::open(&folder.join("claims.jsonl")).unwrap();
    claims.expire_all().unwrap();
    let ports = Ports {
        store: Faulty::new(database.clone(), faults),
        outputs: Faulty::new(database.clone(), faults),
        claims: Faulty::new(Arc::new(claims), faults),
        ..Ports::faulty(fakes, faults)
    };
    (Installation::wire(fakes.clone(), ports), database)
}

async fn each_call_fails(fault: Fault, restarts: bool) {
    let calm = Scene::new(Faults::one(usize::MAX, Fault::None), None, None).run().await;
    assert!(calm > 30, "{calm} calls are all there are");
    for call in 0..calm {
        println!("call {call} fails: {fault:?}, a restart afterwards: {restarts}");
        Scene::new(Faults::one(call, fault), restarts.then_some(call), None).run().await;
    }
}

#[tokio::test]
async fn each_call_fails_before_it_does_anything() {
    each_call_fails(Fault::Before, false).await;
}

#[tokio::test]
async fn each_call_loses_its_acknowledgement() {
    each_call_fails(Fault::After, false).await;
}

#[tokio::test]
async fn each_call_fails_before_it_does_anything_and_the_server_is_restarted() {
    each_call_fails(Fault::Before, true).await;
}

#[tokio::test]
async fn each_call_loses_its_acknowledgement_and_the_server_is_restarted() {
    each_call_fails(Fault::After, true).await;
}

/// SQLite finds no room for another page, at each point of the story; later there is room again.
#[tokio::test]
async fn a_disk_that_runs_full_loses_nothing() {
    let mut stuck = 0;
    for room in 0..12 {
        let mut scene = Scene::new(Faults::one(usize::MAX, Fault::None), None, Some(room));
        for _ in 0..3 {
            scene.round().await;
        }
        if scene.has_succeeded().await {
            scene.check().await;
            break;
        }
        stuck += 1;
        scene.restart().await;
        scene.run().await;
    }
    assert!(stuck > 1, "the disk was never full");
}
