//! Stored items of each release stay readable, and what this release reads it writes again alike.
//!
//! A release that changes an item's form adds a folder beside `stored/0.1` and keeps the older ones.

use std::fmt::Debug;
use std::path::Path;

use penstock_engine::apply;
use penstock_engine::command::{Command, Report, RetryActions};
use penstock_engine::event::Event;
use penstock_engine::state::{Execution, PipelineState, State};
use penstock_model::pipeline::ExecutionMode::Superseded;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::Story;

/// The folder of this release's items.
const RELEASE: &str = "0.1";

/// All releases whose items are read.
const RELEASES: &[&str] = &[RELEASE];

#[test]
fn items_of_earlier_releases_are_read() {
    for release in RELEASES {
        let pipeline: PipelineState = read(release, "pipeline");
        let executions: Vec<Execution> = read(release, "executions");
        let events: Vec<Event> = read(release, "events");
        let _: Vec<Command> = read(release, "commands");
        let mut replayed = State::default();
        events.iter().for_each(|event| apply(&mut replayed, event));
        assert_eq!(replayed.pipeline.as_deref(), Some(&pipeline));
        let replayed: Vec<Execution> = replayed.executions.values().map(|it| (**it).clone()).collect();
        assert_eq!(replayed, executions);
    }
}

#[test]
fn items_are_written_as_this_release_writes_them() {
    let story = a_story_with_everything();
    let executions: Vec<&Execution> = story.state.executions.values().map(AsRef::as_ref).collect();
    written("pipeline", &story.state.pipeline.as_deref());
    written("executions", &executions);
    written("events", &story.events);
    written("commands", &story.commands);
}

fn a_story_with_everything() -> Story {
    let mut story = Story::new(Superseded, "Source: Fetch | Prod: Build; ?Ask; Ship=CodeDeploy");
    story.push('A');
    story.started("A Prod/Build");
    story.interrupt("A Prod/Build");
    story.succeed("A Prod/Build");
    story.verdict("A Prod/Ask", true);
    story.fail("A Prod/Ship");
    story.retry('A', "Prod", RetryActions::FailedActions);
    story.succeed("A Prod/Ship");
    story.disable("Prod");
    story.push('B');
    story.push('C');
    story.enable("Prod");
    story.wait(1);
    story.started("C Prod/Build");
    story.wait(1);
    story.stop('C', true);
    story.report("C Prod/Build", "reports its cancellation", Report::Cancelled);
    story.roll_back('R', "Prod", 'A');
    story
}

#[expect(clippy::disallowed_methods, reason = "the stored items lie beside the test")]
fn read<T: DeserializeOwned>(release: &str, name: &str) -> T {
    let text = std::fs::read_to_string(path(release, name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn written<T: Serialize + Debug>(name: &str, value: &T) {
    let stored = serde_json::to_value(value).unwrap();
    assert_eq!(
        stored,
        read::<Json>(RELEASE, name),
        "`{name}` is stored otherwise: a new field needs a default that is not written"
    );
}

fn path(release: &str, name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stored").join(release);
    folder.join(format!("{name}.json")).display().to_string()
}
