//! Random pipelines, and moves that are read against whatever state the pipeline is in.

pub(crate) mod walk;

use penstock_engine::command::RetryActions;
use penstock_model::pipeline::{ExecutionMode, Pipeline};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// Something that happens to a pipeline. Numbers pick from what there is, modulo how many there are.
#[derive(Debug, Clone)]
pub(crate) enum Move {
    Start,
    /// A report on a live or cancelled attempt.
    Report(u8, Outcome),
    /// A verdict on an approval that waits.
    Verdict(u8, bool),
    Retry(u8, RetryActions),
    RollBack(u8, u8),
    Stop(u8, bool),
    Disable(u8),
    Enable(u8),
    Define(Sketch),
    Delete,
    /// Minutes pass; the sweeper notices or does not.
    Wait(u32, bool),
    /// An earlier command comes again.
    Again(u8),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    Started,
    Running,
    Succeeded,
    Failed,
    Interrupted,
    Cancelled,
}

/// A pipeline in few words, so that a failing one can be read.
#[derive(Debug, Clone)]
pub(crate) struct Sketch {
    mode: ExecutionMode,
    /// After the source stage; each action has its run order and may be an approval.
    stages: Vec<Vec<(u16, bool)>>,
    /// Whether its stages are called otherwise.
    renamed: bool,
}

pub(crate) fn sketches() -> impl Strategy<Value = Sketch> {
    let modes = prop_oneof![
        3 => Just(ExecutionMode::Superseded),
        2 => Just(ExecutionMode::Queued),
        1 => Just(ExecutionMode::Parallel),
    ];
    let actions = vec((1_u16..4, prop::bool::weighted(0.2)), 1..4);
    (modes, vec(actions, 1..4), any::<bool>()).prop_map(|(mode, stages, renamed)| Sketch {
        mode,
        stages,
        renamed,
    })
}

impl Sketch {
    pub(crate) fn pipeline(&self) -> Pipeline {
        let prefix = if self.renamed { "Renamed" } else { "Stage" };
        let later = self.stages.iter().enumerate().map(
            |(index, actions)| json!({ "name": format!("{prefix}{index}"), "actions": actions_of(actions) }),
        );
        let source = json!({ "name": "Source", "actions": [action("Fetch", "Source", "S3", 1)] });
        let stages: Vec<Json> = std::iter::once(source).chain(later).collect();
        serde_json::from_value(json!({ "name": "web", "executionMode": self.mode, "stages": stages }))
            .unwrap()
    }
}

fn actions_of(actions: &[(u16, bool)]) -> Vec<Json> {
    let named = actions.iter().enumerate();
    named
        .map(|(index, (order, approval))| match approval {
            true => action(&format!("Ask{index}"), "Approval", "Manual", *order),
            false => action(&format!("Do{index}"), "Build", "CodeBuild", *order),
        })
        .collect()
}

fn action(name: &str, category: &str, provider: &str, order: u16) -> Json {
    json!({
        "name": name,
        "runOrder": order,
        "actionTypeId": { "category": category, "owner": "AWS", "provider": provider, "version": "1" },
    })
}

pub(crate) fn moves() -> impl Strategy<Value = Vec<Move>> {
    vec(a_move(), 1..40)
}

fn a_move() -> impl Strategy<Value = Move> {
    let retry = prop_oneof![Just(RetryActions::FailedActions), Just(RetryActions::AllActions)];
    let minutes = prop_oneof![6 => 0_u32..4, 3 => 4_u32..20, 1 => 60_u32..20_000];
    prop_oneof![
        10 => Just(Move::Start),
        60 => (any::<u8>(), outcomes()).prop_map(|(pick, outcome)| Move::Report(pick, outcome)),
        12 => (any::<u8>(), prop::bool::weighted(0.8)).prop_map(|(pick, approved)| Move::Verdict(pick, approved)),
        6 => (any::<u8>(), retry).prop_map(|(pick, actions)| Move::Retry(pick, actions)),
        6 => (any::<u8>(), any::<u8>()).prop_map(|(pick, stage)| Move::RollBack(pick, stage)),
        5 => (any::<u8>(), any::<bool>()).prop_map(|(pick, abandon)| Move::Stop(pick, abandon)),
        3 => any::<u8>().prop_map(Move::Disable),
        4 => any::<u8>().prop_map(Move::Enable),
        2 => sketches().prop_map(Move::Define),
        1 => Just(Move::Delete),
        8 => (minutes, any::<bool>()).prop_map(|(minutes, noticed)| Move::Wait(minutes, noticed)),
        5 => any::<u8>().prop_map(Move::Again),
    ]
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        6 => Just(Outcome::Started),
        2 => Just(Outcome::Running),
        24 => Just(Outcome::Succeeded),
        4 => Just(Outcome::Failed),
        2 => Just(Outcome::Interrupted),
        2 => Just(Outcome::Cancelled),
    ]
}
