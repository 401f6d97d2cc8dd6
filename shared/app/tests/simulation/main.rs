//! Whole executions while everything around them goes wrong, as a seed has it: messages are repeated, reordered,
//! delayed and lost, calls fail before or after the fact, processes die in the middle, clocks disagree.
//!
//! In the end everything is calm again, and then every execution has ended rightly, no attempt was started twice and
//! nothing is owed. A failing seed is printed; `PENSTOCK_SEED=N` runs it alone.

mod calm;
mod check;
mod each_call;
mod flight;
mod interleave;
mod storm;
mod world;

use world::World;

/// How many seeds a test run tries.
const SEEDS: u64 = 120;

/// Names the seed of a run that panics.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed was {0}; run it alone with PENSTOCK_SEED={0}", self.0);
        }
    }
}

async fn run(seed: u64) {
    let _named = Seed(seed);
    let mut world = World::new(seed).await;
    storm::rage(&mut world).await;
    calm::settle(&mut world).await;
    check::everything(&world).await;
}

/// The seeds of one of four tests, which run at the same time.
async fn quarter(number: u64) {
    if let Ok(seed) = std::env::var("PENSTOCK_SEED") {
        let seed = seed.parse().expect("PENSTOCK_SEED is a number");
        if seed % 4 == number {
            run(seed).await;
        }
        return;
    }
    for seed in (0..SEEDS).filter(|seed| seed % 4 == number) {
        run(seed).await;
    }
}

#[tokio::test]
async fn whatever_goes_wrong_0() {
    quarter(0).await;
}

#[tokio::test]
async fn whatever_goes_wrong_1() {
    quarter(1).await;
}

#[tokio::test]
async fn whatever_goes_wrong_2() {
    quarter(2).await;
}

#[tokio::test]
async fn whatever_goes_wrong_3() {
    quarter(3).await;
}
