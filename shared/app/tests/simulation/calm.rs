//! The storm is over: nothing fails any more, people decide, time passes, and everything comes to its end.

use std::time::Duration;

use penstock_engine::is_open;
use penstock_engine::state::{AttemptStatus, Position};
use penstock_testkit::fake::FakeProvider;

use super::world::{World, is_approval, stage};

/// How many rounds of a few minutes there are at most: the longest timeout is three days.
const ROUNDS: usize = 4000;

pub(crate) async fn settle(world: &mut World) {
    world.faults.set(0);
    land(world).await;
    for pipeline in &world.pipelines {
        for index in 1..5 {
            // A pipeline without the stage rejects it.
            drop(world.desk.control.enable(pipeline, &stage(index)).await);
        }
    }
    for _ in 0..ROUNDS {
        land(world).await;
        finish(world).await;
        decide(world).await;
        land(world).await;
        if world.executions().await.iter().all(|execution| !is_open(execution)) {
            return;
        }
        world.advance(Duration::from_secs(61));
        world.desk.sweep.run(false).await.expect("sweeping");
    }
    let stuck: Vec<_> = world.executions().await.into_iter().filter(|execution| is_open(execution)).collect();
    panic!("these never end: {stuck:?}");
}

/// Everything in flight and in the queue is handled.
async fn land(world: &mut World) {
    while !world.flights.is_empty() {
        world.go_on(0);
    }
    while let Some(message) = world.fakes.queue.take() {
        world.desk.worker.handle(message).await.expect("handling a message in the calm");
    }
}

async fn finish(world: &World) {
    for work in world.fakes.provider.running() {
        let ending = FakeProvider::success(&work);
        world.fakes.provider.finish(&work.attempt, ending.clone());
        world.desk.dispatch.report(&work.pipeline, &work.attempt, ending).await.expect("reporting");
    }
}

async fn decide(world: &World) {
    for execution in world.executions().await {
        let Position::In { stage } = &execution.position else {
            continue;
        };
        let (_, definition, _) = world
            .desk
            .query
            .definition(&execution.pipeline, Some(execution.definition))
            .await
            .expect("its definition");
        let Some(run) = execution.stage(stage) else {
            continue;
        };
        for (action, attempt) in &run.actions {
            let id = execution.attempt_id(stage, action, attempt.number);
            if attempt.status == AttemptStatus::InProgress && is_approval(&definition, &id) {
                let token = world.desk.approvals.link_token(&id);
                // It may have expired by now.
                drop(world.desk.approvals.decide(&token, true, "bob", "").await);
            }
        }
    }
}
