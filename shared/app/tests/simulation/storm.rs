//! Everything goes wrong at once.

use std::time::Duration;

use penstock_app::control::StartRequest;
use penstock_engine::command::RetryActions;
use penstock_model::id::DeliveryId;
use penstock_model::trigger::{GitEvent, Push, Reference};
use penstock_testkit::build::name;
use penstock_testkit::fake::FakeProvider;
use penstock_testkit::installation::COMMIT;

use super::check;
use super::flight::Flight;
use super::world::{World, stage};

/// How many things happen.
const STEPS: usize = 900;

pub(crate) async fn rage(world: &mut World) {
    for step in 0..STEPS {
        if step % 20 == 0 {
            check::one_occupant(world).await;
        }
        match world.dice.below(100) {
            0..50 => go_on(world),
            50..72 => take(world),
            72..82 => finish(world),
            82..85 => lose_or_repeat(world),
            85..87 => crash(world),
            87..91 => pass(world),
            91..93 => world.sweep(),
            93..95 => deliver(world),
            _ => ask(world).await,
        }
    }
}

/// Some flight passes a few calls.
fn go_on(world: &mut World) {
    for _ in 0..world.dice.below(12) {
        if world.flights.is_empty() {
            return;
        }
        let index = if world.dice.chance(70) { 0 } else { world.dice.below(world.flights.len()) };
        world.go_on(index);
    }
}

/// Some message, not always the oldest.
fn take(world: &mut World) {
    let index = if world.dice.chance(60) { 0 } else { world.dice.below(world.fakes.queue.len()) };
    if let Some(message) = world.fakes.queue.take_at(index) {
        world.handle(message);
    }
}

/// Running work ends, well or badly; its report may get lost.
fn finish(world: &mut World) {
    let running = world.fakes.provider.running();
    if running.is_empty() {
        return;
    }
    let work = world.dice.pick(&running).clone();
    let ending = if world.dice.chance(85) {
        FakeProvider::success(&work)
    } else {
        FakeProvider::failure("exit code 2")
    };
    world.fakes.provider.finish(&work.attempt, ending.clone());
    for _ in 0..world.dice.below(3) {
        world.report(&work, ending.clone());
    }
}

fn lose_or_repeat(world: &mut World) {
    let index = world.dice.below(world.fakes.queue.len());
    let Some(message) = world.fakes.queue.take_at(index) else {
        return;
    };
    if world.dice.chance(50) {
        world.fakes.queue.put(message.clone());
        world.fakes.queue.put(message);
    }
}

fn crash(world: &mut World) {
    if !world.flights.is_empty() {
        let index = world.dice.below(world.flights.len());
        world.crash(index);
    }
}

fn pass(world: &mut World) {
    let by = match world.dice.below(10) {
        0..6 => Duration::from_millis(world.dice.below(2000) as u64),
        6..9 => Duration::from_secs(world.dice.below(90) as u64),
        _ => Duration::from_secs(world.dice.below(1800) as u64),
    };
    world.advance(by);
}

/// A push, which may be delivered more than once and starts each pipeline once.
fn deliver(world: &mut World) {
    let repeats = world.deliveries > 0 && world.dice.chance(40);
    if !repeats {
        world.deliveries += 1;
    }
    let number =
        if repeats { world.dice.below(world.deliveries as usize) } else { world.deliveries as usize - 1 };
    let delivery: DeliveryId = name(&format!("delivery-{number}"));
    let process = world.process();
    let event = push();
    let work = async move { process.deliveries.deliver(&delivery, &event.into()).await.map(drop) };
    world.flights.push(Flight::new(work, None, world.now()));
}

fn push() -> GitEvent {
    GitEvent::Push(Push {
        repository: "acme/shop".to_owned(),
        reference: Reference::Branch("main".to_owned()),
        commit: COMMIT.to_owned(),
        message: None,
        author: None,
        changed_paths: None,
        deleted: false,
    })
}

/// People ask for something; that it may be rejected is part of it.
async fn ask(world: &mut World) {
    let Some((pipeline, id)) = world.some_execution().await else {
        return;
    };
    let (what, place, abandon) = (world.dice.below(8), stage(1 + world.dice.below(4)), world.dice.chance(50));
    let process = world.process();
    let work = async move {
        let control = &process.control;
        match what {
            0 => control.start(StartRequest::by(pipeline, "alice")).await.map(drop),
            1 => control.stop(&pipeline, &id, abandon, "changed my mind", "alice").await,
            2 => control.retry(&pipeline, Some(id), &place, RetryActions::AllActions).await.map(drop),
            3 => control.retry(&pipeline, None, &place, RetryActions::FailedActions).await.map(drop),
            4 => control.rollback(&pipeline, &place, None, "alice").await.map(drop),
            5 => control.disable(&pipeline, &place, "freeze", "alice").await,
            6 => control.enable(&pipeline, &place).await,
            _ => {
                let token = process.approvals.link_token(&penstock_model::id::AttemptId {
                    execution: id,
                    stage: name("Ask"),
                    action: name("Sign-off"),
                    number: 1,
                });
                process.approvals.decide(&token, abandon, "bob", "").await.map(drop).or(Ok(()))
            }
        }
    };
    world.flights.push(Flight::new(work, None, world.now()));
}
