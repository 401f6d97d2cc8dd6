//! What the engine itself costs: `decide` for a report, with 50 executions open.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use penstock_app::engine::command::{Command, DefineMode, Report, Request};
use penstock_app::engine::decide::decide;
use penstock_app::engine::state::{Definitions, State, TriggerCause};
use penstock_model::id::{AttemptId, CommandId, DefinitionVersion, ExecutionId, PipelineName};
use penstock_model::pipeline::Pipeline;
use penstock_model::time::Timestamp;

use crate::figures::Figures;
use crate::server::pipeline;

const OPEN: usize = 50;
const RUNS: usize = 2000;

/// Decides the same report again and again on the same state.
pub(crate) fn measure(figures: &mut Figures) {
    let (definitions, state, attempt) = fifty_open();
    let report = Request::Report { attempt, report: Report::Succeeded(Box::default()) };
    let command = command("report", report);
    let mut samples: Vec<f64> = (0..RUNS)
        .map(|_| {
            let begun = Instant::now();
            let decision = decide(&definitions, black_box(&state), black_box(&command), Timestamp(2000));
            let taken = begun.elapsed();
            assert!(decision.rejection.is_none() && !decision.events.is_empty());
            taken.as_secs_f64() * 1e6
        })
        .collect();
    figures.add("decide_with_50_open", "us", &mut samples, None);
}

fn name() -> PipelineName {
    PipelineName::new("measured").expect("a name")
}

fn command(id: &str, request: Request) -> Command {
    Command { id: CommandId::new(id).expect("an id"), pipeline: name(), request }
}

/// Fifty executions of a PARALLEL pipeline, each with its source under way.
fn fifty_open() -> (Definitions, State, AttemptId) {
    let definition: Pipeline =
        serde_json::from_value(pipeline("measured", "PARALLEL", 5, "true")["pipeline"].clone()).expect("it");
    let definitions = Definitions::from([(DefinitionVersion(1), Arc::new(definition))]);
    let mut state = State::default();
    let define = Request::Define { version: DefinitionVersion(1), mode: DefineMode::Create };
    state = decide(&definitions, &state, &command("define", define), Timestamp(0)).state;
    let mut last = None;
    for index in 0..OPEN {
        let id = CommandId::new(&format!("start-{index}")).expect("an id");
        let execution = ExecutionId::derive(&name(), &id);
        let trigger = TriggerCause {
            kind: "StartPipelineExecution".into(),
            detail: "bench".into(),
            delivery: None,
            reference: None,
        };
        let request = Request::Start {
            execution: execution.clone(),
            trigger,
            variables: BTreeMap::new(),
            overrides: vec![],
        };
        let decision =
            decide(&definitions, &state, &Command { id, pipeline: name(), request }, Timestamp(1000));
        assert!(decision.rejection.is_none());
        state = decision.state;
        last = Some(execution);
    }
    assert_eq!(state.executions.len(), OPEN);
    let execution = last.expect("executions");
    let attempt = AttemptId {
        execution,
        stage: "Source".parse().expect("a name"),
        action: "Fetch".parse().expect("a name"),
        number: 1,
    };
    (definitions, state, attempt)
}
