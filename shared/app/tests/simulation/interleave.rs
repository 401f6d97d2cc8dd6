//! Two commands that meet at one stage, in every interleaving of their calls: the first is held after each of its
//! calls in turn while the second runs to its end.

use std::rc::Rc;
use std::time::Duration;

use penstock_app::control::StartRequest;
use penstock_app::dispatch::CLAIM;
use penstock_app::error::AppError;
use penstock_app::port::claims::Claims;
use penstock_app::port::clock::Clock;
use penstock_engine::command::RetryActions;
use penstock_engine::state::{ExecutionStatus, Position};
use penstock_model::id::{ExecutionId, PipelineName};
use penstock_model::pipeline::{Category, ExecutionMode};
use penstock_testkit::build::{build, name, pipeline, source};
use penstock_testkit::fake::{Conduct, FakeProvider};
use penstock_testkit::fault::Faults;
use penstock_testkit::installation::{Fakes, Installation};

use super::flight::Flight;

/// More calls than a command makes.
const CALLS: usize = 16;

struct Scene {
    process: Rc<Installation>,
    pipeline: PipelineName,
}

impl Scene {
    /// A pipeline of two stages whose work all runs until it is finished by hand.
    async fn new(mode: ExecutionMode) -> Self {
        let fakes = Fakes::new(FakeProvider::new(|_| Conduct::Runs));
        let process = Rc::new(Installation::faulty(&fakes, &Faults::new(0, 0), fakes.clock.clone()));
        let definition = pipeline("web")
            .mode(mode)
            .stage("Source", [source("Fetch", "src")])
            .stage("Build", [build("Compile").consumes("src")])
            .build();
        process.control.create(definition, "alice").await.expect("creating");
        Self { process, pipeline: name("web") }
    }

    async fn start(&self) -> ExecutionId {
        let request = StartRequest::by(self.pipeline.clone(), "alice");
        let id = self.process.control.start(request).await.expect("starting");
        self.process.settle().await;
        id
    }

    /// The report of the end of what runs for `id` now.
    fn ending(&self, id: &ExecutionId, well: bool) -> impl Future<Output = Result<(), AppError>> + use<> {
        let running = self.process.fakes.provider.running();
        let work = running.into_iter().find(|work| work.attempt.execution == *id).expect("something runs");
        let ending = if well { FakeProvider::success(&work) } else { FakeProvider::failure("exit code 1") };
        self.process.fakes.provider.finish(&work.attempt, ending.clone());
        let process = self.process.clone();
        async move { process.dispatch.report(&work.pipeline, &work.attempt, ending).await }
    }

    async fn end(&self, id: &ExecutionId, well: bool) {
        self.ending(id, well).await.expect("reporting");
        self.process.settle().await;
    }

    /// Holds `first` after `calls` calls while `second` runs to its end.
    async fn meet(
        &self,
        calls: usize,
        first: impl Future<Output = Result<(), AppError>> + 'static,
        second: impl Future<Output = Result<(), AppError>>,
    ) {
        let mut held = Flight::new(first, None, penstock_model::time::Timestamp(0));
        let mut ended = (0..calls).any(|_| held.go_on().is_some());
        // Either may be rejected when the other comes first.
        drop(second.await);
        while !ended {
            ended = held.go_on().is_some();
        }
        self.process.settle().await;
    }

    async fn at(&self, id: &ExecutionId) -> Position {
        let execution = self.process.query.raw_execution(&self.pipeline, id).await;
        execution.expect("the execution").position.clone()
    }
}

fn inside(stage: &str) -> Position {
    Position::In { stage: name(stage) }
}

#[tokio::test]
async fn one_leaves_a_stage_and_another_arrives() {
    for calls in 0..CALLS {
        for arrival_first in [false, true] {
            let scene = Scene::new(ExecutionMode::Queued).await;
            let one = scene.start().await;
            scene.end(&one, true).await;
            let two = scene.start().await;
            let (leaves, arrives) = (scene.ending(&one, true), scene.ending(&two, true));
            if arrival_first {
                scene.meet(calls, arrives, leaves).await;
            } else {
                scene.meet(calls, leaves, arrives).await;
            }
            assert_eq!(scene.at(&two).await, inside("Build"), "held after {calls} calls, {arrival_first}");
        }
    }
}

#[tokio::test]
async fn one_arrives_and_the_transition_opens() {
    for mode in [ExecutionMode::Queued, ExecutionMode::Parallel] {
        for calls in 0..CALLS {
            let scene = Scene::new(mode).await;
            let control = &scene.process.control;
            let stage = name("Build");
            control.disable(&scene.pipeline, &stage, "freeze", "alice").await.expect("disabling");
            let one = scene.start().await;
            let arrives = scene.ending(&one, true);
            scene.meet(calls, arrives, control.enable(&scene.pipeline, &stage)).await;
            assert_eq!(scene.at(&one).await, inside("Build"), "{mode:?}, held after {calls} calls");
        }
    }
}

#[tokio::test]
async fn one_enters_a_stage_and_another_is_retried_there() {
    for calls in 0..CALLS {
        for retry_first in [false, true] {
            let scene = Scene::new(ExecutionMode::Queued).await;
            let one = scene.start().await;
            scene.end(&one, true).await;
            scene.end(&one, false).await;
            let two = scene.start().await;
            let enters = scene.ending(&two, true);
            let (process, pipeline, failed) = (scene.process.clone(), scene.pipeline.clone(), one.clone());
            let retries = async move {
                let stage = name("Build");
                process
                    .control
                    .retry(&pipeline, Some(failed), &stage, RetryActions::AllActions)
                    .await
                    .map(drop)
            };
            if retry_first {
                scene.meet(calls, retries, enters).await;
            } else {
                scene.meet(calls, enters, retries).await;
            }
            let there = [scene.at(&one).await, scene.at(&two).await];
            let occupants = there.iter().filter(|at| **at == inside("Build")).count();
            assert_eq!(occupants, 1, "held after {calls} calls, {retry_first}: {there:?}");
        }
    }
}

#[tokio::test]
async fn a_pipeline_is_deleted_and_an_execution_starts() {
    for calls in 0..CALLS {
        let scene = Scene::new(ExecutionMode::Parallel).await;
        let (process, pipeline) = (scene.process.clone(), scene.pipeline.clone());
        let starts =
            async move { process.control.start(StartRequest::by(pipeline, "alice")).await.map(drop) };
        scene.meet(calls, starts, scene.process.control.delete(&scene.pipeline)).await;
        let state = scene.process.fakes.store.clone();
        let kept = penstock_app::port::store::Store::pipeline(state.as_ref(), &scene.pipeline).await;
        let deleted = kept.expect("reading").is_some_and(|state| state.deleted);
        let running = scene.process.fakes.provider.running();
        assert_eq!(running.is_empty(), deleted, "held after {calls} calls");
        assert!(running.iter().all(|work| work.action.action_type_id.category == Category::Source));
    }
}

#[tokio::test]
async fn an_attempt_ends_and_its_execution_is_abandoned() {
    for calls in 0..CALLS {
        let scene = Scene::new(ExecutionMode::Superseded).await;
        let one = scene.start().await;
        let ends = scene.ending(&one, true);
        let control = &scene.process.control;
        scene.meet(calls, ends, control.stop(&scene.pipeline, &one, true, "", "alice")).await;
        let execution =
            scene.process.query.raw_execution(&scene.pipeline, &one).await.expect("the execution");
        let stopped = execution.status == ExecutionStatus::Stopped;
        assert!(stopped, "held after {calls} calls: {:?}", execution.status);
        assert!(!penstock_engine::is_open(&execution), "nothing is owed for it");
    }
}

/// Its first worker died after it claimed the attempt, and a second one has read that the attempt is owed.
#[tokio::test]
async fn an_attempt_is_taken_over_and_its_execution_is_abandoned() {
    for calls in 0..CALLS {
        let scene = Scene::new(ExecutionMode::Superseded).await;
        let (process, fakes) = (scene.process.clone(), &scene.process.fakes);
        let request = StartRequest::by(scene.pipeline.clone(), "alice");
        let one = process.control.start(request).await.expect("starting");
        let dispatch = fakes.queue.take().expect("the dispatch");
        let fetch = format!("{one}/Source/Fetch/1").parse().expect("an attempt");
        let now = fakes.clock.now();
        fakes.claims.claim(&fetch, now, now.plus(CLAIM)).await.expect("a claim");
        fakes.clock.advance(CLAIM);
        let takes_over = async move { process.worker.handle(dispatch).await };
        let stops = async {
            scene.process.control.stop(&scene.pipeline, &one, true, "", "alice").await?;
            scene.process.settle().await;
            Ok(())
        };
        scene.meet(calls, takes_over, stops).await;
        for _ in 0..3 {
            fakes.clock.advance(Duration::from_secs(300));
            scene.process.sweep.run(false).await.expect("sweeping");
            scene.process.settle().await;
        }
        let execution = scene.process.query.raw_execution(&scene.pipeline, &one).await;
        assert_eq!(execution.expect("the execution").status, ExecutionStatus::Stopped, "after {calls} calls");
        let running = fakes.provider.running();
        assert!(running.is_empty(), "held after {calls} calls, nobody stops {running:?}");
    }
}
