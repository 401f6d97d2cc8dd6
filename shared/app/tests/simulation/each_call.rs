//! One execution from its start to its end, once for each call that it makes to the outside and each way in which that
//! call can go wrong: it fails before, it fails after the fact, or the process dies in it.

use std::rc::Rc;
use std::time::Duration;

use penstock_app::control::StartRequest;
use penstock_app::error::AppError;
use penstock_app::port::queue::Message;
use penstock_engine::state::ExecutionStatus;
use penstock_model::id::{AttemptId, ExecutionId, PipelineName};
use penstock_testkit::build::{approval, build, deploy, name, pipeline, source};
use penstock_testkit::fake::{Conduct, FakeProvider};
use penstock_testkit::fault::{Fault, Faults};
use penstock_testkit::installation::{Fakes, Installation};

use super::flight::Flight;

/// More rounds than any single fault needs to heal.
const ROUNDS: usize = 40;

struct Scene {
    fakes: Fakes,
    faults: std::sync::Arc<Faults>,
    process: Rc<Installation>,
    /// The call in which the process dies.
    dies_in: Option<usize>,
}

impl Scene {
    async fn new(faults: std::sync::Arc<Faults>, dies_in: Option<usize>, goes_ahead: bool) -> Self {
        let provider = FakeProvider::new(|work| match work.attempt.stage.as_str() {
            "Build" => Conduct::Runs,
            _ => Conduct::Succeeds,
        });
        let fakes = Fakes::new(provider.going_ahead(goes_ahead));
        let definition = pipeline("web")
            .stage("Source", [source("Fetch", "src").namespace("Src")])
            .stage("Build", [build("Compile").consumes("src").produces("site").set("Of", "#{Src.CommitId}")])
            .stage("Release", [approval("Sign-off"), deploy("Ship").consumes("site").order(2)])
            .build();
        let founder = Installation::faulty(&fakes, &Faults::new(0, 0), fakes.clock.clone());
        founder.control.create(definition, "alice").await.expect("creating");
        let process = Rc::new(Installation::faulty(&fakes, &faults, fakes.clock.clone()));
        Self { fakes, faults, process, dies_in }
    }

    /// Runs `work` to its end, or until the process dies in it; whether it succeeded.
    fn fly(&mut self, work: impl Future<Output = Result<(), AppError>> + 'static) -> bool {
        let mut flight = Flight::new(work, None, penstock_model::time::Timestamp(0));
        loop {
            if let Some(result) = flight.go_on() {
                return result.is_ok();
            }
            if self.dies_in.is_some_and(|call| self.faults.calls() > call) {
                self.dies_in = None;
                return false;
            }
        }
    }

    fn start(&mut self) -> ExecutionId {
        let pipeline: PipelineName = name("web");
        let request = StartRequest { token: Some("t-1".to_owned()), ..StartRequest::by(pipeline, "alice") };
        loop {
            let (process, request) = (self.process.clone(), request.clone());
            let (tell, told) = std::sync::mpsc::channel();
            let starts = async move {
                let id = process.control.start(request).await?;
                drop(tell.send(id));
                Ok(())
            };
            if self.fly(starts)
                && let Ok(id) = told.recv()
            {
                return id;
            }
        }
    }

    /// Messages are handled until there are no more; one that fails comes again later.
    fn work(&mut self) {
        let mut later: Vec<Message> = vec![];
        while let Some(message) = self.fakes.queue.take() {
            let (process, own) = (self.process.clone(), message.clone());
            if !self.fly(async move { process.worker.handle(own).await }) {
                later.push(message);
            }
        }
        later.into_iter().for_each(|message| self.fakes.queue.put(message));
    }

    /// Running work ends; its report is given once and may get lost.
    fn finish(&mut self) {
        for work in self.fakes.provider.running() {
            let ending = FakeProvider::success(&work);
            self.fakes.provider.finish(&work.attempt, ending.clone());
            let process = self.process.clone();
            self.fly(async move { process.dispatch.report(&work.pipeline, &work.attempt, ending).await });
        }
    }

    fn approve(&mut self, id: &ExecutionId) {
        let (stage, action) = (name("Release"), name("Sign-off"));
        let attempt = AttemptId { execution: id.clone(), stage, action, number: 1 };
        let process = self.process.clone();
        self.fly(async move {
            let token = process.approvals.link_token(&attempt);
            // It may not be asked for yet, or be decided already.
            drop(process.approvals.decide(&token, true, "bob", "").await);
            Ok(())
        });
    }

    fn pass(&mut self) {
        self.fakes.clock.advance(Duration::from_secs(61));
        let process = self.process.clone();
        self.fly(async move { process.sweep.run(false).await.map(drop) });
    }

    /// Runs it all and says how many calls were made.
    async fn run(mut self) -> usize {
        let id = self.start();
        for _ in 0..ROUNDS {
            self.work();
            self.finish();
            self.approve(&id);
            self.work();
            let execution = self.process.query.raw_execution(&name("web"), &id).await;
            if execution.is_ok_and(|execution| execution.status == ExecutionStatus::Succeeded) {
                return self.check(&id).await;
            }
            self.pass();
        }
        panic!("it never succeeds");
    }

    async fn check(&self, id: &ExecutionId) -> usize {
        let calls = self.faults.calls();
        assert_eq!(self.fakes.provider.started_twice(), []);
        let desk = Installation::faulty(&self.fakes, &Faults::new(0, 0), self.fakes.clock.clone());
        let history = desk.query.attempts(&name("web"), id).await.expect("the history");
        assert!(
            history.iter().all(|known| known.id.number == 1),
            "nothing was attempted again: {history:#?}"
        );
        assert_eq!(history.len(), 4);
        let executions = desk.query.executions(&name("web"), None, 10).await.expect("listing");
        assert_eq!(executions.len(), 1, "the repeated start is the same one");
        calls
    }
}

/// With sources that are fetched once they are owed, and ahead.
const WAYS: [bool; 2] = [false, true];

#[tokio::test]
async fn each_call_fails_before_and_after() {
    for ahead in WAYS {
        let calm = Scene::new(Faults::one(usize::MAX, Fault::None), None, ahead).await.run().await;
        for call in 0..calm {
            for fault in [Fault::Before, Fault::After] {
                eprintln!("call {call} fails: {fault:?}, sources ahead: {ahead}");
                Scene::new(Faults::one(call, fault), None, ahead).await.run().await;
            }
        }
        assert!(calm > 25, "{calm} calls are all there are");
    }
}

#[tokio::test]
async fn the_process_dies_in_each_call() {
    for ahead in WAYS {
        let calm = Scene::new(Faults::one(usize::MAX, Fault::None), None, ahead).await.run().await;
        for call in 0..calm {
            eprintln!("the process dies in call {call}, sources ahead: {ahead}");
            Scene::new(Faults::one(usize::MAX, Fault::None), Some(call), ahead).await.run().await;
        }
    }
}
