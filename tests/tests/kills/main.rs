//! Kills the server with SIGKILL at random moments, starts it again, and looks whether anything was lost or done twice.
//!
//! The moments are drawn over the time that a push takes when nobody interferes. `PENSTOCK_KILLS_SEED` has the same moments drawn
//! again, `PENSTOCK_KILLS` changes how many there are.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod project;
mod server;
mod story;
mod witness;

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use penstock_testkit::dice::Dice;

use project::Project;
use server::Server;
use story::Story;

/// How often the server is killed.
const KILLS: usize = 20;
/// In so many of a hundred lives a commit is pushed, to both pipelines.
const PUSHING: u32 = 60;

#[test]
fn killed_at_any_moment_nothing_is_lost_and_nothing_done_twice() {
    let seed = variable("PENSTOCK_KILLS_SEED").unwrap_or_else(seed_of_the_day);
    let kills = variable("PENSTOCK_KILLS").map_or(KILLS, |kills| usize::try_from(kills).unwrap());
    println!("PENSTOCK_KILLS_SEED={seed}");
    let program = penstock_tests::program::build();
    let (project, mut dice) = (Project::new(), Dice::new(seed));
    // One undisturbed, one after all the kills, and as many as there are lives that push.
    let pushes = 2 + kills * 3 / 5;
    let mut story = Story::new(&project, pushes);
    let duration = undisturbed(&program, &project, &mut story);
    println!("undisturbed, a push takes {duration:?}");
    for kill in 1..=kills {
        let life = duration.mul_f64(f64::from(u32::try_from(dice.below(1000)).unwrap()) / 1000.0);
        let pushes = usize::from(dice.chance(PUSHING));
        println!("kill {kill} after {life:?}, pushes: {pushes}");
        let mut server = Server::start(&program, &project.tree(), kill, Some(life));
        if server.listens() {
            story.live(&server, pushes, true);
        }
        server.die();
    }
    let mut server = Server::start(&program, &project.tree(), kills + 1, None);
    assert!(server.listens());
    story.live(&server, pushes, false);
    story.everything_ended_rightly(&server);
    server.end();
    let (builds, events) = story.the_witness_agrees();
    println!("interrupted: {builds} builds, {events} lifecycle events");
    story.the_last_commit_is_everywhere();
}

/// The first push, which nobody disturbs; how long it takes from the server's start.
fn undisturbed(program: &Path, project: &Project, story: &mut Story<'_>) -> Duration {
    let start = Instant::now();
    let mut server = Server::start(program, &project.tree(), 0, None);
    assert!(server.listens());
    for definition in Project::definitions() {
        server.apply(&definition);
    }
    story.live(&server, 1, false);
    let duration = start.elapsed();
    server.end();
    duration
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

fn seed_of_the_day() -> u64 {
    u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos())
}
