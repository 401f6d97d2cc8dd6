//! Several processes over the same fakes, each with its own faults and its own idea of the time.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use penstock_app::port::clock::Clock;
use penstock_app::port::provider::{Ending, Work};
use penstock_app::port::queue::Message;
use penstock_model::id::{AttemptId, ExecutionId, PipelineName};
use penstock_model::pipeline::{Category, ExecutionMode, Pipeline};
use penstock_model::time::Timestamp;
use penstock_testkit::build::{approval, build, deploy, name, pipeline, source};
use penstock_testkit::dice::Dice;
use penstock_testkit::fake::{Conduct, FakeProvider, ManualClock};
use penstock_testkit::fault::Faults;
use penstock_testkit::installation::{Fakes, Installation};

use super::flight::Flight;

/// How many processes there are.
const PROCESSES: usize = 3;
/// What takes longer is ended, as a function is by its timeout; less than a claim lasts.
const TIMEOUT: Duration = Duration::from_secs(45);

/// A clock that is a little wrong.
struct Skewed {
    clock: Arc<ManualClock>,
    by: i64,
}

impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        Timestamp(self.clock.now().0 + self.by)
    }
}

pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) fakes: Fakes,
    pub(crate) faults: Arc<Faults>,
    pub(crate) processes: Vec<Rc<Installation>>,
    /// A process of people's, where nothing fails.
    pub(crate) desk: Rc<Installation>,
    pub(crate) flights: Vec<Flight>,
    pub(crate) pipelines: Vec<PipelineName>,
    /// The deliveries so far, to be repeated.
    pub(crate) deliveries: u32,
}

impl World {
    pub(crate) async fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let goes_ahead = dice.chance(50);
        let fakes = Fakes::new(FakeProvider::new(conduct(seed)).going_ahead(goes_ahead));
        let faults = Faults::new(dice.any(), 8);
        let mut processes = vec![];
        for _ in 0..PROCESSES {
            let by = i64::try_from(dice.below(4000)).unwrap_or(0) - 2000;
            let clock = Skewed { clock: fakes.clock.clone(), by };
            processes.push(Rc::new(Installation::faulty(&fakes, &faults, Arc::new(clock))));
        }
        let desk = Rc::new(Installation::faulty(&fakes, &Faults::new(0, 0), fakes.clock.clone()));
        let mut pipelines = vec![];
        for definition in definitions(&mut dice) {
            pipelines.push(definition.name.clone());
            desk.control.create(definition, "alice").await.expect("creating a pipeline");
        }
        Self { dice, fakes, faults, processes, desk, flights: vec![], pipelines, deliveries: 0 }
    }

    pub(crate) fn process(&mut self) -> Rc<Installation> {
        let process = self.dice.below(self.processes.len());
        self.processes[process].clone()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.fakes.clock.now()
    }

    /// A process takes `message` and begins to handle it.
    pub(crate) fn handle(&mut self, message: Message) {
        let process = self.process();
        let own = message.clone();
        let work = async move { process.worker.handle(own).await };
        self.flights.push(Flight::new(work, Some(message), self.now()));
    }

    /// A process begins to look for what is due.
    pub(crate) fn sweep(&mut self) {
        let process = self.process();
        let work = async move { process.sweep.run(false).await.map(drop) };
        self.flights.push(Flight::new(work, None, self.now()));
    }

    /// A provider's event: work has ended.
    pub(crate) fn report(&mut self, work: &Work, ending: Ending) {
        let (process, pipeline, attempt) = (self.process(), work.pipeline.clone(), work.attempt.clone());
        let reporting = async move { process.dispatch.report(&pipeline, &attempt, ending).await };
        self.flights.push(Flight::new(reporting, None, self.now()));
    }

    /// Lets a flight go on; one that fails for now leaves its message to be delivered again.
    pub(crate) fn go_on(&mut self, index: usize) {
        let Some(result) = self.flights[index].go_on() else {
            return;
        };
        let flight = self.flights.swap_remove(index);
        match (result, flight.message) {
            (Err(error), Some(message)) if error.is_retryable() => self.fakes.queue.put(message),
            (Ok(()) | Err(_), _) => {}
        }
    }

    /// A process dies in the middle of a flight; its message is delivered again.
    pub(crate) fn crash(&mut self, index: usize) {
        let flight = self.flights.swap_remove(index);
        if let Some(message) = flight.message {
            self.fakes.queue.put(message);
        }
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.fakes.clock.advance(by);
        let now = self.now();
        while let Some(late) = self.flights.iter().position(|flight| now.since(flight.since) > TIMEOUT) {
            self.crash(late);
        }
    }

    /// Every execution that there is.
    pub(crate) async fn executions(&self) -> Vec<Arc<penstock_engine::state::Execution>> {
        let mut all = vec![];
        for pipeline in &self.pipelines {
            all.extend(self.desk.query.executions(pipeline, None, 1000).await.expect("listing"));
        }
        all
    }

    pub(crate) async fn some_execution(&mut self) -> Option<(PipelineName, ExecutionId)> {
        let all = self.executions().await;
        let index = self.dice.below(all.len());
        all.get(index).map(|execution| (execution.pipeline.clone(), execution.id.clone()))
    }
}

/// How an attempt goes: the same each time it is asked, and mostly well.
fn conduct(seed: u64) -> impl Fn(&Work) -> Conduct + Send + Sync {
    move |work| match chance_of(seed, &work.attempt) % 100 {
        0..35 => Conduct::Runs,
        35..42 => Conduct::Ends(FakeProvider::failure("exit code 1")),
        42..46 => Conduct::Ends(Ending::Interrupted { message: "its worker died".to_owned() }),
        _ => Conduct::Succeeds,
    }
}

pub(crate) fn chance_of(seed: u64, attempt: &AttemptId) -> u64 {
    let text = attempt.to_string();
    let folded = text.bytes().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    Dice::new(folded).any()
}

fn definitions(dice: &mut Dice) -> Vec<Pipeline> {
    let modes = [ExecutionMode::Superseded, ExecutionMode::Queued, ExecutionMode::Parallel];
    ["web", "api"].iter().map(|called| definition(called, *dice.pick(&modes), dice)).collect()
}

fn definition(called: &str, mode: ExecutionMode, dice: &mut Dice) -> Pipeline {
    let mut definition = pipeline(called)
        .mode(mode)
        .stage("Source", [source("Fetch", "src").namespace("Src")])
        .stage("Build", [build("Compile").consumes("src").produces("site").set("Commit", "#{Src.CommitId}")]);
    if dice.chance(70) {
        let count = 1 + dice.below(3);
        let tests = (0..count).map(|index| build(&format!("Test-{index}")).consumes("src").consumes("site"));
        definition = definition.stage("Test", tests);
    }
    if dice.chance(50) {
        definition = definition.stage("Ask", [approval("Sign-off").expires_after(600)]);
    }
    if dice.chance(70) {
        definition = definition
            .stage("Deploy", [deploy("Ship").consumes("site"), deploy("Tell").consumes("src").order(2)]);
    }
    definition.build()
}

/// Whether the action waits for a person.
pub(crate) fn is_approval(pipeline: &Pipeline, attempt: &AttemptId) -> bool {
    let action = pipeline.stage(&attempt.stage).and_then(|stage| stage.action(&attempt.action));
    action.is_some_and(|action| action.action_type_id.category == Category::Approval)
}

/// A stage by its place, `Build` being 1.
pub(crate) fn stage(index: usize) -> penstock_model::id::StageName {
    name(["Source", "Build", "Test", "Ask", "Deploy"][index % 5])
}
